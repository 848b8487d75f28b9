// The search box: a layer behind the input marks keys and faults, a list suggests keys and values.
import { $, fill, h } from './dom.js';
import { go, state } from './address.js';
import { clip } from './format.js';
import { endOfTerm, tokens } from './query.js';
import { suggest } from './suggest.js';

const QUIET = 400, QUIET_WHILE_SUGGESTING = 900, SETTLE = 120;

const input = $('#q'), field = $('#field'), marks = $('#marks'), note = $('#q-fault'), options = $('#suggestions');
let fault = null, keyAt = 0, faultTimer, goTimer, offered = [], chosen = -1;

// ---- faults ----

// showFault marks where the query of the address is wrong: at once, or some time after the last key.
export function showFault(next) {
  fault = next;
  clearTimeout(faultTimer);
  if (!fault) return paint();
  const typing = document.activeElement === input && keyAt;
  const due = typing ? keyAt + (options.hidden ? QUIET : QUIET_WHILE_SUGGESTING) - performance.now() : 0;
  if (due > 0) faultTimer = setTimeout(paint, due);
  else paint();
}

function paint() {
  const text = input.value, told = fault && text.trim() === state.q.trim();
  field.classList.toggle('bad', !!told);
  note.hidden = !told;
  if (told) input.setAttribute('aria-invalid', 'true'); else input.removeAttribute('aria-invalid');
  $('#q-clear').hidden = !text;
  $('#q-key').hidden = !!text;
  if (told) {
    const lead = text.length - text.trimStart().length, at = Math.min(text.length, fault.at + lead), end = endOfTerm(text, at);
    fill(marks, text.slice(0, at), h('span', { class: 'bad' }, text.slice(at, end) || ' '), text.slice(end));
    note.textContent = fault.message;
    suggestNothing();
    place();
  } else fill(marks, keysMarked(text));
  marks.scrollLeft = input.scrollLeft;
}

// The message stands under the place at fault, as long as it fits.
function place() {
  const box = field.getBoundingClientRect(), at = marks.querySelector('.bad').getBoundingClientRect();
  note.style.left = Math.max(0, Math.min(at.left - box.left - 8, box.width - note.offsetWidth)) + 'px';
}

function keysMarked(text) {
  const out = [];
  let at = 0;
  try {
    for (const t of tokens(text)) if (t.kind === 'term') {
      out.push(text.slice(at, t.at), h('span', { class: 'k' }, text.slice(t.at, t.end)));
      at = t.end;
    }
  } catch { /* a quote is open: the server says so */ }
  return [...out, text.slice(at)];
}

// ---- suggestions ----

function suggestNothing() {
  options.hidden = true;
  chosen = -1;
  input.setAttribute('aria-expanded', 'false');
  input.removeAttribute('aria-activedescendant');
}

function suggestions() {
  offered = document.activeElement === input ? suggest(input.value, input.selectionStart) : [];
  if (offered.length === 1 && input.value.endsWith(offered[0].text)) offered = [];
  suggestNothing();
  options.hidden = !offered.length;
  input.setAttribute('aria-expanded', String(!options.hidden));
  fill(options, offered.map((o, i) => h('li', { role: 'option', id: 'option-' + i, 'aria-selected': 'false', onpointerdown: e => { e.preventDefault(); take(i); } },
    h('b', {}, clip(o.label, 80)), h('span', {}, o.hint))));
}

function choose(i) {
  chosen = i;
  [...options.children].forEach((el, j) => el.setAttribute('aria-selected', String(j === i)));
  input.setAttribute('aria-activedescendant', 'option-' + i);
}

function take(i) {
  const { at, text, more } = offered[i], tail = more ? '' : ' ';
  input.value = input.value.slice(0, at) + text + tail + input.value.slice(input.selectionStart).trimStart();
  input.setSelectionRange(at + text.length + tail.length, at + text.length + tail.length);
  typed();
}

// ---- typing ----

function typed() {
  keyAt = performance.now();
  clearTimeout(faultTimer);
  clearTimeout(goTimer);
  field.classList.remove('bad');
  note.hidden = true;
  fault = null;
  suggestions();
  paint();
  goTimer = setTimeout(() => go({ q: input.value.trim() }, true), SETTLE);
}

function enter() {
  clearTimeout(goTimer);
  clearTimeout(faultTimer);
  suggestNothing();
  keyAt = 0;
  go({ q: input.value.trim() });
  paint();
}

function onKey(event) {
  const { key } = event;
  if (key === 'ArrowDown' || key === 'ArrowUp') {
    if (options.hidden) suggestions();
    if (!offered.length) return;
    event.preventDefault();
    const n = offered.length, down = key === 'ArrowDown';
    choose(chosen < 0 ? (down ? 0 : n - 1) : (chosen + (down ? 1 : n - 1)) % n);
  } else if ((key === 'Enter' || key === 'Tab') && chosen >= 0) {
    event.preventDefault();
    take(chosen);
  } else if (key === 'Enter') enter();
  else if (key === 'Escape') {
    event.stopPropagation();
    if (!options.hidden) suggestNothing();
    else { input.blur(); $('#main .view:not([hidden]) :is(.list, .scroll, .traces)')?.focus({ preventScroll: true }); }
  }
}

export const focus = () => { input.focus(); input.select(); };

// render shows the query of the address, unless one types in the box.
export function render() {
  if (document.activeElement !== input || input.value.trim() !== state.q.trim()) input.value = state.q;
  paint();
}

export function start() {
  input.addEventListener('input', typed);
  input.addEventListener('keydown', onKey);
  input.addEventListener('scroll', () => { marks.scrollLeft = input.scrollLeft; });
  input.addEventListener('focus', () => { if (!input.value) suggestions(); });
  input.addEventListener('click', suggestions);
  input.addEventListener('blur', () => { suggestNothing(); keyAt = 0; });
  $('#q-clear').addEventListener('click', () => { input.value = ''; go({ q: '' }); input.focus(); });
  addEventListener('resize', () => { if (!note.hidden) place(); });
}
