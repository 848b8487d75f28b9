// The Traces view: a list at the left, the time line of one at the right.
import { $, fill, h } from './dom.js';
import { api, scope } from './api.js';
import { go, state } from './address.js';
import { Ask } from './ask.js';
import { clean, clip, moment, msText, num, plural, timeOf } from './format.js';
import * as timeline from './timeline.js';
import { VirtualRows, position } from './virtual.js';

const ROW = 48, NARROW_ROW = 56, MOST = 1000;
const ORDERS = [['newest', 'Newest'], ['slowest', 'Slowest'], ['longest', 'Most records']];

const view = $('#v-traces');
let traces = [], total = 0, loaded = false, offered = null;

const title = h('h2'), orders = h('div', { class: 'bar-end seg', role: 'group', 'aria-label': 'Order' });
const list = h('ul', { class: 'trace-rows' }), scroller = h('div', { class: 'traces', role: 'region', 'aria-label': 'List of traces', tabindex: -1 }, list);
const split = h('div', { class: 'split' }, scroller, timeline.el), none = h('div', { class: 'none', hidden: true });
fill(view, h('div', { class: 'bar' }, title, orders), split, none);

for (const [order, label] of ORDERS) orders.append(h('button', { class: 'btn quiet', type: 'button', 'data-order': order, onclick: () => go({ sort: order }, true) }, label));

const order = () => (ORDERS.some(([o]) => o === state.sort) ? state.sort : 'newest');
// Without one in the address, the first of the list shows, and stays while others arrive.
const current = () => state.trace || offered;

const rows = new VirtualRows({
  scroller, body: list, height: () => (innerWidth <= 520 ? NARROW_ROW : ROW), keyOf: t => t.id,
  row: trace => h('li', {}, h('button', { class: 'trace', type: 'button', 'data-id': trace.id, onclick: () => choose(trace.id) },
    h('span', { class: 'path' }), h('span', { class: 'took' }), h('span', { class: 'sub' }), h('span', { class: 'sub r mono' }, clean(trace.id).slice(0, 8)))),
  update(el, trace, i) {
    const [path, took, sub] = el.firstChild.children;
    el.firstChild.className = 'trace ' + trace.level;
    if (trace.id === current()) el.firstChild.setAttribute('aria-current', 'true'); else el.firstChild.removeAttribute('aria-current');
    position(el, traces.length, i + 1);
    path.textContent = clip(clean(trace.name), 200);
    took.textContent = msText(trace.duration_ms);
    sub.textContent = `${moment(timeOf(trace.start))}, ${plural(trace.records, 'record')}`;
  },
});

function choose(id) {
  go({ trace: id, id: null }, !!state.trace);
}

const asking = new Ask(async signal => {
  const answer = await api.traces({ ...scope(), sort: order(), limit: MOST }, signal);
  // A list that someone points at stays; what came is shown once the pointer is gone.
  if (loaded && asked === order() && scroller.matches(':hover') && traces.length) return;
  asked = order();
  const top = traces[Math.floor(scroller.scrollTop / rows.height())]?.id, reading = scroller.scrollTop > 0;
  const before = traces.findIndex(t => t.id === top);
  traces = answer.traces;
  total = answer.total ?? traces.length;
  loaded = true;
  if (!traces.some(t => t.id === offered)) offered = traces[0]?.id ?? null;
  const now = traces.findIndex(t => t.id === top);
  if (reading && before >= 0 && now >= 0) { rows.items = traces; rows.draw(); scroller.scrollTop += (now - before) * rows.height(); }
  draw();
}, { every: 2000 });
let asked = null;
scroller.addEventListener('pointerleave', () => { if (state.tab === 'traces') asking.soon(); });

function draw() {
  if (state.tab !== 'traces' || !loaded) return;
  for (const el of orders.children) el.setAttribute('aria-pressed', String(el.dataset.order === order()));
  title.textContent = plural(total, 'trace') + (total > traces.length ? `, ${num(traces.length)} shown` : '');
  const empty = !traces.length && !state.trace;
  split.hidden = empty;
  none.hidden = !empty;
  split.classList.toggle('chosen', !!state.trace);
  view.classList.toggle('chosen', !!state.trace);
  if (empty) fill(none, h('h2', {}, 'No traces here'), h('p', {}, state.q || state.from != null || state.run
    ? 'None that matches the search, the time and the run.' : 'Records with the same trace_id or request_id show up as one trace. httplog gives each request an id.'));
  rows.set(traces);
  timeline.show(current(), traces.find(t => t.id === current()));
}

let revealed = null, ordered = null;
export function render() {
  if (loaded && ordered !== null && ordered !== order()) { scopeChanged(); scroller.scrollTop = 0; }
  ordered = order();
  draw();
  if (state.trace && state.trace !== revealed) {
    const i = traces.findIndex(t => t.id === state.trace);
    if (i >= 0) rows.reveal(i, true);
    revealed = state.trace;
  }
}
export async function scopeChanged() {
  offered = null;
  asked = null;
  await asking.now(view);
  render();
}
export function arrived(records) {
  if (state.tab !== 'traces') return;
  if (records.some(r => r.trace_id || r.request_id)) asking.soon();
  timeline.arrived(records);
}
export const tick = () => { if (state.tab === 'traces' && state.from < 0) asking.soon(); };

export function move(step) {
  if (state.id != null || document.activeElement?.closest('.wf')) return timeline.move(step);
  const focused = document.activeElement?.closest('.trace')?.dataset.id;
  const at = traces.findIndex(t => t.id === (focused ?? current()));
  const i = Math.max(0, Math.min(traces.length - 1, at < 0 ? 0 : focused ? at + step : at));
  if (!traces[i]) return;
  rows.reveal(i);
  rows.element(traces[i].id)?.firstChild.focus({ preventScroll: true });
}
