// The Errors view: groups by the server's fingerprint.
import { $, fill, h } from './dom.js';
import { api, scope } from './api.js';
import { go, state } from './address.js';
import { Ask } from './ask.js';
import { ago, clean, clip, clock, moment, num, plural, timeOf } from './format.js';
import { spark } from './spark.js';
import { Table } from './table.js';

const SPARK = 36, ROW = 56, PREFIX = 12; // a fingerprint's first characters name it in an address

const view = $('#v-errors');
let groups = [], span = { from: 0, to: 0 }, loaded = false;

// changed is called when there are other groups than before.
let changed = () => {};
export const onChange = hears => { changed = hears; };

export const groupOf = prefix => groups.find(group => group.fingerprint.startsWith(prefix));

const title = h('h2'), told = h('p', { class: 'bar-end' }), none = h('div', { class: 'none', hidden: true });
const COLUMNS = [
  { key: 'type', label: 'Error', sort: g => g.type },
  { key: 'spark', label: 'Over time', cls: 'c-spark', col: 'c-spark' },
  { key: 'count', label: 'Count', cls: 'num', col: 'w-num', desc: true, sort: g => g.count },
  { key: 'last', label: 'Last seen', cls: 'c-lastseen', col: 'w-ago c-lastseen', desc: true, sort: g => g.last },
  { key: 'first', label: 'First seen', cls: 'c-first', col: 'w-ago c-first', desc: true, sort: g => g.first },
  { key: 'services', label: 'Services', cls: 'c-services', col: 'w-svc c-services' },
  { key: 'releases', label: 'Releases', cls: 'c-release', col: 'w-rel c-release' },
];
const table = new Table({
  cls: 'errors', label: 'Groups of errors', columns: COLUMNS, fallback: 'last', height: () => ROW,
  keyOf: g => g.fingerprint, row, update, onOpen: g => go({ group: g.fingerprint.slice(0, PREFIX), id: null }, !!state.group),
});
fill(view, h('div', { class: 'bar' }, title, told), table.el, none);

function row(group) {
  const el = h('tr', { 'data-key': group.fingerprint }, h('td', {}, h('button', { class: 'main-button', type: 'button' }, h('span', { class: 'etype' }), h('span', { class: 'emsg' }))),
    h('td', { class: 'c-spark' }), h('td', { class: 'num' }, h('span', { class: 'n' }), h('span', { class: 'ago' })),
    h('td', { class: 'c-lastseen' }), h('td', { class: 'c-first' }), h('td', { class: 'c-services' }), h('td', { class: 'c-release dim' }));
  return el;
}

const setText = (el, text) => { if (el.textContent !== text) el.textContent = text; };

function update(el, group) {
  const [main, sparkCell, count, last, first, services, release] = el.cells;
  el.setAttribute('aria-selected', String(!!state.group && group.fingerprint.startsWith(state.group)));
  el.className = group.level;
  setText(main.querySelector('.etype'), clip(clean(group.type), 200));
  setText(main.querySelector('.emsg'), clip(clean(group.message), 400));
  const drawn = group.sparkline.join();
  if (el.drawn !== drawn) {
    el.drawn = drawn;
    fill(sparkCell, spark(group.sparkline, group.level === 'critical' ? 'f-critical' : 'f-error', `${group.count} over time`, i => bucketTip(group, i)));
  }
  setText(count.querySelector('.n'), num(group.count));
  setText(count.querySelector('.ago'), ago(group.last));
  setText(last, ago(group.last));
  last.title = moment(group.last);
  setText(first, ago(group.first));
  first.title = moment(group.first);
  setText(services, group.services.map(s => clean(s)).join(', '));
  const [newest, ...others] = group.releases || [];
  setText(release, !newest ? '' : clean(newest) + (others.length ? ` and ${others.length} more` : ''));
  release.title = (group.releases || []).map(r => clean(r)).join(', ');
}

function bucketTip(group, i) {
  const width = (span.to - span.from) / group.sparkline.length, from = span.from + i * width;
  return `${clock(from, false)} – ${clock(from + width, false)}: ${plural(group.sparkline[i], 'error')}`;
}

const asking = new Ask(async signal => {
  const answer = await api.errors({ ...scope(), buckets: SPARK }, signal);
  groups = answer.groups.map(g => ({ ...g, first: timeOf(g.first_seen), last: timeOf(g.last_seen) }));
  span = { from: timeOf(answer.from), to: timeOf(answer.to) };
  loaded = true;
  const badge = $('#n-errors');
  badge.textContent = num(groups.length);
  badge.hidden = !groups.length;
  draw();
  changed();
}, { every: 2000 });

function draw() {
  if (state.tab !== 'errors' || !loaded) return;
  const total = groups.reduce((sum, g) => sum + g.count, 0);
  setText(title, plural(groups.length, 'group'));
  setText(told, groups.length ? `${plural(total, 'error')}, ${clock(span.from, false)} – ${clock(span.to, false)}` : '');
  table.el.hidden = !groups.length;
  none.hidden = !!groups.length;
  if (!groups.length) fill(none, h('h2', {}, 'No errors here'), h('p', {}, state.q || state.from != null || state.run
    ? 'None that matches the search, the time and the run.' : 'An error shows up when a record at error or above holds one.'));
  table.set(groups);
}

export const render = draw;
export const scopeChanged = () => asking.now(state.tab === 'errors' ? view : null);
// arrived hears of new records: the counts follow when one of them is an error.
export const arrived = records => { if (records.some(r => r.fingerprint || r.error)) asking.soon(); };
export const tick = () => { if (state.tab === 'errors') { if (state.from < 0) asking.soon(); table.rows.draw(); } };
export const move = step => table.move(step, groupOf(state.group || '-')?.fingerprint);
export const toStart = () => table.toStart();
export const toEnd = () => table.toEnd();
