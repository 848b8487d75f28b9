// Elements. Every text is set as text, never as HTML; styles go through the CSSOM, which a strict policy allows.
export const $ = selector => document.querySelector(selector);

const SVG = new Set(['svg', 'use', 'rect', 'path', 'line', 'g', 'text', 'circle']);

// h makes an element: attributes, on… listeners, and vars, which become inline style properties.
export function h(tag, props, ...kids) {
  const el = SVG.has(tag) ? document.createElementNS('http://www.w3.org/2000/svg', tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(props || {})) {
    if (value == null || value === false) continue;
    if (name.startsWith('on')) el.addEventListener(name.slice(2), value);
    else if (name === 'vars') for (const [k, v] of Object.entries(value)) el.style.setProperty(k, v);
    else el.setAttribute(name, value === true ? '' : value);
  }
  el.append(...present(kids));
  return el;
}

const present = kids => kids.flat(Infinity).filter(kid => kid != null && kid !== false);

export function fill(el, ...kids) {
  el.replaceChildren(...present(kids));
  return el;
}

export const icon = (name, cls = '') => h('svg', { class: 'icon ' + cls, 'aria-hidden': 'true' }, h('use', { href: '#i-' + name }));

// A square button that shows an icon only; its label is read out and shown on hover.
export const iconButton = (label, name, onclick, props) =>
  h('button', { class: 'btn quiet square', type: 'button', 'aria-label': label, title: label, onclick, ...props }, icon(name));

export const button = (label, onclick, props) => h('button', { class: 'btn', type: 'button', onclick, ...props }, label);

let toastTimer;
export function toast(text) {
  const el = $('#toast');
  el.textContent = text;
  el.classList.add('on');
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => el.classList.remove('on'), 2200);
}

export async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    toast(what + ' copied');
  } catch {
    toast('The browser refused the clipboard');
  }
}
