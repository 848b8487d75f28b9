// A tree of attributes as a treegrid: one tab stop, arrows move in it. Each value has "only this", "without this", copy.
import { copy, h, icon } from './dom.js';
import { go, state } from './address.js';
import { bytes, clean } from './format.js';
import { isObject } from './numbers.js';
import { quote, withTerm } from './query.js';

const FOLD = 600, MOST_ROWS = 500;

const only = (key, value) => go({ q: withTerm(state.q, `${key}:${quote(value)}`), tab: 'live', group: null, route: null, trace: null });
const without = (key, value) => go({ q: withTerm(state.q, `-${key}:${quote(value)}`), tab: 'live', group: null, route: null, trace: null });

// tree makes a treegrid of rows: { key, value, depth, term, link, group, count }. term is what the query calls the key.
export function tree(label, rows) {
  const grid = h('div', { class: 'tree', role: 'treegrid', 'aria-label': label }, rows.map(row));
  const els = [...grid.children];
  els[0]?.setAttribute('tabindex', '0');
  grid.addEventListener('keydown', event => { if (keydown(grid, event)) { event.preventDefault(); event.stopPropagation(); } });
  grid.addEventListener('focusin', event => setStop(grid, event.target.closest('[role=row]')));
  grid.addEventListener('click', event => { const el = event.target.closest('.group'); if (el) toggle(grid, el); });
  return grid;
}

// attributeRows lays attributes out as rows, groups before what they hold.
export function attributeRows(attributes, path = '', depth = 0, out = []) {
  for (const [key, value] of Object.entries(attributes)) {
    const term = path ? `${path}.${key}` : key;
    if (out.length >= MOST_ROWS) { if (!out.cut) out.push({ key: '…', value: `more than ${MOST_ROWS} values; Raw has all`, depth }); out.cut = true; return out; }
    if (nested(value)) {
      out.push({ key, group: true, depth, count: Object.keys(value).length });
      attributeRows(value, term, depth + 1, out);
    } else out.push({ key, value: Array.isArray(value) ? value.join(', ') : value, depth, term });
  }
  return out;
}
const nested = value => isObject(value) && Object.keys(value).length > 0 && (!Array.isArray(value) || value.some(isObject));

function row(r) {
  const indent = { '--depth': r.depth || 0 };
  if (r.group) return h('div', { class: 'kv group', role: 'row', tabindex: -1, 'aria-level': (r.depth || 0) + 1, 'aria-expanded': 'true', vars: indent },
    h('span', { class: 'key', role: 'gridcell' }, icon('right', 'turn'), clean(r.key)), h('span', { class: 'val dim', role: 'gridcell' }));
  const acts = [];
  if (r.term && r.value !== null && String(r.value).length < 1000) acts.push(
    act(`Only this ${r.term} (+)`, 'plus', '+', () => only(r.term, r.value)),
    act(`Without this ${r.term} (-)`, 'minus', '-', () => without(r.term, r.value)));
  acts.push(act(`Copy ${r.key}`, 'copy', 'c', () => copy(String(r.value), r.key)));
  return h('div', { class: 'kv', role: 'row', tabindex: -1, 'aria-level': (r.depth || 0) + 1, vars: indent },
    h('span', { class: 'key', role: 'gridcell', title: clean(r.key) }, clean(r.key)),
    h('span', { class: 'val', role: 'gridcell' }, shown(r)),
    h('span', { class: 'acts', role: 'gridcell' }, acts));
}

const act = (label, name, key, onclick) => h('button', { class: 'btn quiet square', type: 'button', tabindex: -1, 'aria-label': label, title: label, 'data-key': key, onclick }, icon(name));

function shown({ value, link }) {
  if (value === null || value === undefined) return h('span', { class: 'v-null' }, 'null');
  if (value === '***') return h('span', { class: 'v-mask' }, '*** masked');
  if (isObject(value)) return JSON.stringify(value);
  const text = clean(value, true);
  if (link) return h('a', { class: 'link', href: link, tabindex: -1 }, text);
  if (text === '') return h('span', { class: 'v-null' }, 'empty');
  if (text.length <= FOLD) return text;
  return folded(text);
}

// folded shows the beginning of a long text, and a button for the rest.
export function folded(text, length = FOLD) {
  if (text.length <= length) return text;
  const box = h('span', {}, text.slice(0, length) + '… ');
  const unfold = h('button', { class: 'link', type: 'button', tabindex: -1, onclick: () => box.replaceChildren(text) }, `Show all ${bytes(text.length)}`);
  box.append(unfold);
  return box;
}

// ---- the keyboard ----

const rowsOf = grid => [...grid.children].filter(el => !el.hidden);
const level = el => Number(el.getAttribute('aria-level'));

function setStop(grid, el) {
  if (!el) return;
  for (const other of grid.querySelectorAll(':scope > [tabindex="0"]')) other.setAttribute('tabindex', '-1');
  el.setAttribute('tabindex', '0');
}

function keydown(grid, event) {
  const el = event.target.closest('[role=row]'), rows = rowsOf(grid), i = rows.indexOf(el);
  if (i < 0 || event.ctrlKey || event.metaKey || event.altKey) return false;
  const controls = [...el.querySelectorAll('a, button')], at = controls.indexOf(event.target);
  switch (event.key) {
    case 'ArrowDown': rows[i + 1]?.focus(); return true;
    case 'ArrowUp': rows[i - 1]?.focus(); return true;
    case 'Home': rows[0].focus(); return true;
    case 'End': rows.at(-1).focus(); return true;
    case 'ArrowRight':
      if (el.classList.contains('group')) { if (el.getAttribute('aria-expanded') === 'false') toggle(grid, el); else rows[i + 1]?.focus(); } else controls[Math.min(at + 1, controls.length - 1)]?.focus();
      return true;
    case 'ArrowLeft':
      if (at > 0) controls[at - 1].focus();
      else if (at === 0) el.focus();
      else if (el.getAttribute('aria-expanded') === 'true') toggle(grid, el);
      else rows.slice(0, i).reverse().find(other => level(other) < level(el))?.focus();
      return true;
    case 'Enter': case ' ':
      if (at >= 0) return false;
      if (el.classList.contains('group')) toggle(grid, el); else controls[0]?.click();
      return true;
    case '+': case '-': case 'c':
      el.querySelector(`[data-key="${event.key}"]`)?.click();
      return true;
  }
  return false;
}

function toggle(grid, el) {
  const open = el.getAttribute('aria-expanded') === 'false', all = [...grid.children];
  el.setAttribute('aria-expanded', String(open));
  let closedAt = Infinity;
  for (const other of all.slice(all.indexOf(el) + 1)) {
    if (level(other) <= level(el)) break;
    if (level(other) <= closedAt) closedAt = Infinity;
    other.hidden = !open || level(other) > closedAt;
    if (closedAt === Infinity && other.getAttribute('aria-expanded') === 'false') closedAt = level(other);
  }
}
