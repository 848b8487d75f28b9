// The side panel: one record, or one group of errors. It opens and closes with the address, can be resized, and gives
// the focus back.
import { $, fill, h, iconButton } from './dom.js';
import { Refusal, Unreachable, api } from './api.js';
import { state } from './address.js';
import { check } from './link.js';
import { recordOf } from './feed.js';
import { timeOf } from './format.js';
import { close } from './pane.js';
import { recordPanel } from './record.js';
import { groupPanel, updateGroup } from './group.js';
import { groupOf } from './errors.js';

const panel = $('#panel'), handle = h('div', { class: 'handle', role: 'separator', tabindex: 0, 'aria-orientation': 'vertical', 'aria-label': 'Width of the panel', 'aria-controls': 'panel' });
const content = h('div', { class: 'content' });
panel.append(handle, content);

let shown = null, opener = null, asking = new AbortController();

export const isOpen = () => !panel.hidden;
export function render() {
  const key = state.id != null ? 'record ' + state.id : state.tab === 'errors' && state.group ? 'group ' + state.group : null;
  if (!key) return hide();
  if (key === shown) return;
  asking.abort();
  asking = new AbortController();
  if (!shown) opener = document.activeElement === document.body ? null : document.activeElement;
  const inside = panel.contains(document.activeElement);
  shown = key;
  panel.hidden = false;
  if (state.id != null) showRecord(state.id, asking.signal);
  else showGroup(asking.signal);
  if (inside) panel.focus({ preventScroll: true });
}

function hide() {
  if (!shown) return;
  asking.abort();
  const had = panel.contains(document.activeElement) || document.activeElement === document.body;
  panel.hidden = true;
  content.replaceChildren();
  shown = null;
  if (!had) return;
  const back = opener?.isConnected ? opener : $('#main .view:not([hidden]) :is(.list, [aria-selected=true] .main-button, .trace[aria-current], .scroll)');
  back?.focus({ preventScroll: true });
}

async function showRecord(id, signal) {
  panel.setAttribute('aria-label', 'Record');
  const known = recordOf(id);
  let record = known;
  if (known) wide(!!known.error);
  try {
    record = await api.record(id, signal);
  } catch (e) {
    if (signal.aborted) return;
    if (e instanceof Unreachable) check();
    if (!known || (e instanceof Refusal && !known)) return fill(content, gone());
  }
  record.t = timeOf(record.time);
  wide(!!record.error);
  fill(content, recordPanel(record));
}

const gone = () => [
  h('header', {}, h('h2', {}, 'Record'), h('span', { class: 'end' }, iconButton('Close (Esc)', 'x', close))),
  h('div', { class: 'body', tabindex: 0, role: 'region', 'aria-label': 'Details' }, h('p', {}, 'This record is no longer in memory.'))];

async function showGroup(signal) {
  panel.setAttribute('aria-label', 'Error group');
  wide(true);
  const group = groupOf(state.group);
  if (!group) { shown = null; panel.hidden = true; return; } // the groups are not here yet; errors.js calls again
  try {
    const example = await api.record(group.example, signal);
    fill(content, groupPanel(group, example));
  } catch (e) {
    if (signal.aborted) return;
    if (e instanceof Unreachable) { check(); return; }
    fill(content, gone());
  }
}

// groupsChanged refreshes the counts of a group that is open, and opens one that a link named.
export function groupsChanged() {
  if (state.id != null || !state.group || state.tab !== 'errors') return;
  const group = groupOf(state.group);
  if (group && shown === 'group ' + state.group) updateGroup(group);
  else if (group) render();
}

// ---- width ----

const LEAST = 360, STORED = 'ledgerview.panel', STEP = 32;
let wished = Number(store()) || 0, base = 480;

function store(value) {
  try { return value === undefined ? localStorage.getItem(STORED) : localStorage.setItem(STORED, value); } catch { return null; }
}

function wide(error) {
  base = error ? 680 : 480;
  resize();
}

// While nobody dragged, an error gets more room than a record.
function resize() {
  const most = Math.max(LEAST, Math.floor(innerWidth * .7)), own = wished || Math.min(base, Math.floor(innerWidth * .56));
  const width = Math.max(LEAST, Math.min(most, own));
  panel.style.setProperty('--panel-w', width + 'px');
  handle.setAttribute('aria-valuemin', LEAST);
  handle.setAttribute('aria-valuemax', most);
  handle.setAttribute('aria-valuenow', width);
}

function wish(width) {
  wished = Math.round(width);
  store(wished);
  resize();
}

export function start() {
  handle.addEventListener('pointerdown', event => {
    if (event.button) return;
    event.preventDefault();
    handle.setPointerCapture(event.pointerId);
    handle.classList.add('on');
  });
  handle.addEventListener('pointermove', event => { if (handle.classList.contains('on')) wish(Math.max(LEAST, innerWidth - event.clientX)); });
  for (const type of ['pointerup', 'pointercancel']) handle.addEventListener(type, () => handle.classList.remove('on'));
  handle.addEventListener('dblclick', () => { wished = 0; store(''); resize(); });
  handle.addEventListener('keydown', event => {
    const by = { ArrowLeft: STEP, ArrowRight: -STEP }[event.key];
    if (!by) return;
    event.preventDefault();
    event.stopPropagation();
    wish(panel.offsetWidth + by);
  });
  addEventListener('resize', resize);
}
