// The records of one trace or request on one time line, gaps to scale. A tick is a record, a bar one with a duration,
// dots the gap before it. The order is that of time, so the endpoint record, which spans everything, comes last.
import { copy, fill, h, iconButton } from './dom.js';
import { Refusal, api } from './api.js';
import { go, href, state } from './address.js';
import { Ask } from './ask.js';
import { clean, clip, moment, msText, msTick, plural, timeOf } from './format.js';
import { levelTag, known } from './levels.js';
import { quote } from './query.js';
import { durationOf } from './row.js';
import { VirtualRows } from './virtual.js';

const MOST = 10000, TICKS = 5, LABEL_PART = 12; // a gap under 12 % of the width has no room for its length
const STEPS = [.01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 10e3, 20e3, 60e3, 300e3, 600e3, 3600e3];

const head = h('div', { class: 'wf-head' }), axis = h('div', { class: 'wf-row axis-row', 'aria-hidden': 'true' }), list = h('ol', { class: 'wf-rows' });
const body = h('div', { class: 'wf-body', tabindex: 0, role: 'region', 'aria-label': 'Time line' }, axis, list);
const none = h('div', { class: 'none', hidden: true });
export const el = h('div', { class: 'wf' }, head, body, none);

let shown = null, line = null;

const rows = new VirtualRows({
  scroller: body, body: list, height: () => parseInt(getComputedStyle(axis).height) || 24, keyOf: r => r.id, above: () => axis.offsetHeight,
  row: (record, i) => h('li', {}, row(record, i)),
  update(el, record) {
    if (record.id === state.id) el.firstChild.setAttribute('aria-current', 'true'); else el.firstChild.removeAttribute('aria-current');
  },
});

const asking = new Ask(async signal => {
  const id = shown;
  const { records, more } = await api.records({ q: `(trace_id:${quote(id)} OR request_id:${quote(id)})`, after: 0, limit: MOST, brief: 1 }, signal);
  if (id !== shown) return;
  line = lay(records.map(r => ({ ...r, t: timeOf(r.time) })), more);
  draw();
}, { every: 500, failed: e => { if (e instanceof Refusal) console.warn(e.message); } });

// lay finds where a trace begins and ends: the first is the begin of the first bar, or the first record.
function lay(records, more) {
  records.sort((a, b) => a.t - b.t || a.id - b.id);
  const start = Math.min(...records.map(r => r.t - (positive(durationOf(r)) || 0))), end = records.at(-1)?.t ?? 0;
  const endpoint = records.findLast(r => r.attributes?.endpoint)?.attributes.endpoint;
  return { records, more, start, end, took: end - start, endpoint };
}
const positive = d => (Number.isFinite(d) && d > 0 ? d : null);

// show takes the id of a trace, and what the list knows of it.
export function show(id, summary) {
  if (id === shown) { if (line) { heading(summary); rows.draw(); } return; }
  shown = id;
  if (!id) { line = null; draw(); return; }
  asking.now().then(() => { if (id === shown) heading(summary); });
}

export function arrived(records) {
  if (shown && records.some(r => r.trace_id === shown || r.request_id === shown)) asking.soon();
}

const part = t => Math.max(0, Math.min(100, (t - line.start) / (line.took || 1) * 100));
const percent = x => `${Math.round(x * 100) / 100}%`;
const ticks = () => {
  const step = STEPS.find(s => line.took / s <= TICKS) || line.took / TICKS || 1, out = [];
  for (let x = 0; x <= line.took + step / 1e6; x += step) out.push(x);
  return out;
};
const grid = () => h('svg', { 'aria-hidden': 'true' }, line.ticks.map(x => h('line', { class: 'grid-line', x1: percent(x / (line.took || 1) * 100), x2: percent(x / (line.took || 1) * 100), y1: 0, y2: '100%' })));

function draw() {
  const gone = shown && line && !line.records.length;
  body.hidden = head.hidden = !line || gone;
  none.hidden = !gone;
  if (gone) return fill(none, h('p', {}, 'This trace is no longer in memory.'));
  if (!line) return;
  line.ticks = ticks();
  heading();
  fill(axis, h('span', { class: 'off' }, 'offset'), h('span', { class: 'lv' }), h('span', { class: 'svc' }), h('span'),
    h('span', { class: 'track' }, grid(),
      line.ticks.filter(x => x / (line.took || 1) < .86).map(x => h('span', { class: 'label' + (x ? '' : ' zero'), vars: { left: percent(x / (line.took || 1) * 100) } }, x ? msTick(x) : '0')),
      h('span', { class: 'label last', vars: { left: '100%' } }, msText(line.took))));
  rows.clear();
  rows.set(line.records);
}

function heading(summary) {
  if (!line?.records.length) return;
  const { endpoint } = line, name = endpoint ? `${endpoint.method} ${endpoint.path}` : summary?.name ?? line.records[0].message;
  const key = line.records.some(r => r.trace_id === shown) ? 'trace_id' : 'request_id';
  const facts = [['Status', endpoint?.status_code], ['Took', msText(line.took)], ['Began', moment(line.start)], ['', plural(line.records.length, 'record') + (line.more ? ' and more' : '')]];
  fill(head, h('button', { class: 'btn quiet back', type: 'button', onclick: () => go({ trace: null }) }, 'All traces'),
    h('h2', {}, clip(clean(name), 120)),
    h('dl', {}, facts.filter(([, value]) => value).map(([k, value]) => h('div', {}, h('dt', {}, k), h('dd', {}, String(value)))),
      h('div', { class: 'rid' }, h('dt', {}, key), h('dd', { class: 'mono', title: shown }, clip(clean(shown), 16)))),
    h('span', { class: 'end' }, iconButton(`Copy ${key}`, 'copy', () => copy(shown, key)),
      h('a', { class: 'btn', href: href({ tab: 'live', q: `${key}:${quote(shown)}`, id: null, trace: null, sort: null }) }, 'Show in Live')));
}

function row(record, i) {
  const spans = record.attributes?.endpoint != null, duration = positive(durationOf(record)), before = i ? line.records[i - 1].t : line.start;
  const from = part(duration ? record.t - duration : record.t), to = part(record.t), last = part(before);
  const drawn = grid(), cls = 'f-' + known(record.level);
  if (!spans && to - last > 1) drawn.append(h('line', { class: 'gap-line', x1: percent(last), x2: percent(from), y1: 12, y2: 12 }));
  drawn.append(duration
    ? h('rect', { class: cls, x: percent(from), width: percent(Math.max(.4, to - from)), y: 8, height: 8, rx: 1 })
    : h('rect', { class: cls, x: `calc(${percent(to)} - 2px)`, width: 4, y: 6, height: 12, rx: 1 }));
  const gap = record.t - (duration || 0) - before;
  return h('button', { class: 'wf-row', type: 'button', 'data-id': record.id, title: tipOf(record, duration, gap), onclick: () => open(record.id) },
    h('span', { class: 'off' }, '+' + msText(record.t - line.start)), levelTag(record.level), h('span', { class: 'svc' }, clean(record.service || '')),
    h('span', { class: 'text' }, clip(clean(record.message), 300)),
    h('span', { class: 'track', 'aria-hidden': 'true' }, drawn,
      !spans && from - last > LABEL_PART && h('span', { class: 'gap', vars: { left: percent((last + from) / 2) } }, h('span', {}, msText(gap)))));
}

const tipOf = (record, duration, gap) => [duration && `took ${msText(duration)}`, gap > 0 && `${msText(gap)} after the one before`].filter(Boolean).join(', ');

function open(id) {
  go({ id, trace: shown }, state.id != null);
}

// move goes to the next record: with the panel open it shows there, otherwise it gets the focus.
export function move(step) {
  if (!line) return;
  const focused = Number(document.activeElement?.closest('.wf-row')?.dataset.id) || null;
  const at = line.records.findIndex(r => r.id === (state.id ?? focused));
  const next = line.records[at + step];
  if (!next) return;
  rows.reveal(at + step);
  if (state.id != null) open(next.id);
  else rows.element(next.id)?.firstChild.focus({ preventScroll: true });
}
