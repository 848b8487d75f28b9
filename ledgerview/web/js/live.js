// The Live view: levels, histogram, and the list of records, newest last.
import { $, fill, h, icon } from './dom.js';
import { api, scope } from './api.js';
import { go, state } from './address.js';
import { Ask } from './ask.js';
import { align, bucketsOf } from './buckets.js';
import { busy } from './busy.js';
import { blank } from './blank.js';
import * as feeds from './feed.js';
import { feed } from './feed.js';
import { num, plural } from './format.js';
import { Histogram, barCount } from './histogram.js';
import { LEVELS, NAME, WORST_FIRST, rank } from './levels.js';
import { link, onBeat } from './link.js';
import { errorsOnly, levelOf, withoutKey, words } from './query.js';
import { marker, noteRow, recordRow, rowID, updateNote } from './row.js';
import { runs } from './runs.js';
import { VirtualRows, position } from './virtual.js';

const LOAD_WITHIN = 1200; // px from an end at which more is loaded
const FLOOD = 50, FLOOD_DRAW = 200; // more records at once than these are drawn five times a second: nobody reads faster
const FEW = 200; // more than these fill any window

const view = $('#v-live'), list = $('#list'), body = h('div', { class: 'rows', role: 'presentation' });
list.append(body);
let cursor = null; // key of the row that the keyboard is at
let mark = marker([]), counts = null, pinning = false;

const rowHeight = () => parseInt(getComputedStyle(document.documentElement).getPropertyValue('--row')) || 24;
let height = rowHeight();

const rows = new VirtualRows({
  scroller: list, body, height: () => height, keyOf: feeds.keyOf,
  row: item => (item.note ? noteRow(item) : recordRow(item, mark)),
  update(el, item, i) {
    const selected = !item.note && state.id === item.id;
    el.setAttribute('aria-selected', String(selected));
    position(el, feed.items.length, i + 1);
    el.classList.toggle('cursor', cursor === feeds.keyOf(item));
    if (item.note) updateNote(el, item);
  },
});

// The edges of a zoom are whole steps of what it shows, so that its bars are, too.
const histogram = new Histogram($('#histogram'), (from, to) => {
  const { from: start, step, count } = align(from, to, barCount());
  go({ from: start, to: start + count * step, id: null });
});
const counting = new Ask(async signal => {
  const plan = await bucketsOf(scope(), barCount(), signal);
  const answer = await api.histogram(plan.params, signal);
  const buckets = answer.buckets.map(b => ({ ...b, all: LEVELS.reduce((sum, level) => sum + b[level], 0) }));
  counts = {};
  for (const level of LEVELS) counts[level] = buckets.reduce((sum, b) => sum + b[level], 0);
  counts.all = LEVELS.reduce((sum, level) => sum + counts[level], 0);
  histogram.set({ from: plan.from, step: plan.step, buckets }, runs.restarts());
  levels();
  chrome();
  if (feed.loaded) emptiness();
}, { every: 1000 });

// ---- following ----

const atEnd = () => list.scrollTop + list.clientHeight >= list.scrollHeight - height;

function scrollToEnd() {
  pinning = true;
  rows.draw(feed.items.length * height); // the rows at the end come first, so that the page is laid out once
  list.scrollTop = feed.items.length * height;
  lastTop = list.scrollTop;
  pinning = false;
}

export function setFollow(on) {
  const was = feed.follow;
  feed.follow = on;
  if (on) {
    feed.fresh = 0;
    if (feed.newer) return refresh().then(scrollToEnd);
    scrollToEnd();
  } else if (was) feed.fresh = 0;
  chrome();
}
export const toggleFollow = () => setFollow(!feed.follow);

let lastTop = 0;
list.addEventListener('scroll', () => {
  const up = list.scrollTop < lastTop;
  lastTop = list.scrollTop;
  if (pinning) return;
  if (feed.follow && up && !atEnd()) setFollow(false);
  else if (!feed.follow && !up && atEnd() && !feed.newer && reading) setFollow(true);
  more();
});
// Only the reader's own scrolling begins to follow: a record that is opened at the end does not.
let reading = false;
for (const type of ['wheel', 'touchmove', 'pointerdown']) list.addEventListener(type, () => { reading = true; }, { passive: true });

function more() {
  if (feed.follow && feed.items.length > FEW) return;
  if (feed.older && list.scrollTop < LOAD_WITHIN) extend('older');
  if (feed.newer && list.scrollHeight - list.scrollTop - list.clientHeight < LOAD_WITHIN) extend('newer');
}
const extend = direction => feeds.extend(direction).catch(quiet);
const quiet = e => { if (e.name !== 'AbortError') console.warn('ledgerview:', e.message); };

// ---- what changed in the feed ----

let frame = 0;
feeds.onFeed(change => {
  if (change.reset) { rows.clear(); cursor = null; }
  if (change.top) {
    rows.items = feed.items; // before the scroll event that the next line makes
    if (!feed.follow || change.top > 0) list.scrollTop = lastTop = Math.max(0, list.scrollTop + change.top * height);
  }
  if (change.arrived.length || change.reset) counting.soon();
  if (state.tab !== 'live') return;
  if (change.reset) draw();
  else if (!frame) frame = setTimeout(() => requestAnimationFrame(() => { frame = 0; draw(); }), change.arrived.length > FLOOD ? FLOOD_DRAW : 0);
});

function draw() {
  if (state.tab !== 'live') return;
  rows.items = feed.items;
  if (feed.follow) scrollToEnd();
  else rows.draw();
  chrome();
  pointAt();
  more();
}

function pointAt() {
  const item = cursor != null && rows.element(cursor);
  if (item) list.setAttribute('aria-activedescendant', item.id);
  else list.removeAttribute('aria-activedescendant');
}

function chrome() {
  const follow = $('#follow');
  follow.setAttribute('aria-pressed', String(feed.follow));
  follow.lastElementChild.textContent = feed.follow ? 'Following' : 'Follow';
  list.classList.toggle('plain', errorsOnly(state.q));
  const pill = $('#pill');
  pill.hidden = feed.follow || !(feed.fresh || feed.uncounted);
  if (!pill.hidden) fill(pill, icon('end'), feed.uncounted ? 'New records' : plural(feed.fresh, 'new record'));
  showCount();
}

// How many records there are is renewed by each heartbeat, even while none comes that matches the query.
function showCount() {
  const kept = link.stats?.kept ?? 0, all = counts?.all ?? 0, filtered = state.q || state.run || state.from != null;
  const text = !counts ? '' : filtered && kept > all ? `${num(all)} of ${plural(kept, 'record')}` : plural(all, 'record');
  if ($('#live-count').textContent !== text) $('#live-count').textContent = text;
}
onBeat(showCount);

function emptiness() {
  const none = !feed.items.some(item => !item.note);
  blank($('#blank'), none ? (link.stats?.kept ? 'no match' : 'empty') : null);
  const empty = none && !link.stats?.kept;
  for (const id of ['#live-bar', '#histogram']) $(id).hidden = empty;
}

// ---- levels: the legend of the histogram, the counts, and a filter ----

const levelButtons = new Map(WORST_FIRST.map(level => [level, {
  count: h('b', {}, '0'),
  el: h('button', { type: 'button', 'data-level': level, 'aria-pressed': 'false', title: `Only ${level}. With Shift: ${level} and above`, onclick: e => chooseLevel(level, e.shiftKey) },
    h('span', { class: 'swatch f-' + level }), h('span', {}, NAME[level])),
}]));
for (const { el, count } of levelButtons.values()) el.append(count);
fill($('#levels'), [...levelButtons.values()].map(b => b.el));

function chooseLevel(level, above) {
  const now = levelOf(state.q), rest = withoutKey(state.q, 'level');
  const off = now && now.level === level && now.above === above;
  go({ q: off ? rest : `${rest} level:${above ? '>=' : ''}${level}`.trim() });
}

function levels() {
  const chosen = levelOf(state.q);
  for (const [level, { el, count }] of levelButtons) {
    const on = chosen && (chosen.above ? rank(level) >= rank(chosen.level) : level === chosen.level);
    el.setAttribute('aria-pressed', String(!!on));
    count.textContent = num(counts?.[level] ?? 0);
  }
}

// ---- moving and opening ----

const indexOfCursor = () => feed.items.findIndex(item => feeds.keyOf(item) === cursor);
const standable = item => item && (!item.note || item.note === 'run' || item.note === 'missed');

export function move(step) {
  let i = cursor == null ? -1 : indexOfCursor();
  if (i < 0) i = Math.min(feed.items.length, Math.floor((list.scrollTop + list.clientHeight) / height)) - (step > 0 ? 1 : 0);
  do i += step; while (feed.items[i] && !standable(feed.items[i]));
  if (state.id != null) while (feed.items[i]?.note) i += step;
  const item = feed.items[i];
  if (!item) return;
  reading = false;
  setFollow(false);
  cursor = feeds.keyOf(item);
  rows.reveal(i);
  if (state.id != null) go({ id: item.id }, true);
  rows.draw();
  pointAt();
}

export function open() {
  const item = cursor != null && feed.items[indexOfCursor()];
  if (!item) return;
  if (item.note) act(item);
  else show(item.id);
}

function show(id) {
  reading = false;
  setFollow(false);
  cursor = id;
  go({ id, group: null }, state.id != null);
}

function act(item) {
  if (item.note === 'run') go({ run: item.run });
  if (item.note === 'missed') feeds.fillGap(item).catch(quiet);
}

export function page(direction) {
  reading = false;
  setFollow(false);
  list.scrollTop += direction * (list.clientHeight - height);
}
export function toStart() {
  reading = false;
  setFollow(false);
  list.scrollTop = 0;
}
export const toEnd = () => setFollow(true);
export function clearCursor() {
  cursor = null;
  rows.draw();
  pointAt();
}

list.addEventListener('click', event => {
  const el = event.target.closest('.row');
  if (!el || String(getSelection()) && getSelection().containsNode(el, true)) return;
  const item = feed.items.find(item => rowID(item) === el.id);
  if (!item) return;
  cursor = feeds.keyOf(item);
  if (item.note) act(item);
  else show(item.id);
});
$('#follow').addEventListener('click', toggleFollow);
$('#pill').addEventListener('click', () => { setFollow(true); list.focus({ preventScroll: true }); });

// ---- the address changed ----

// refresh asks for the records of the scope anew.
export async function refresh() {
  const away = state.id != null && !feeds.recordOf(state.id);
  await busy(feeds.reload(away ? state.id : null), view);
}

// scopeChanged is told when query, time or run changed; it answers once the new records are here.
export async function scopeChanged() {
  mark = marker(words(state.q));
  feed.follow = state.id == null && state.to == null;
  reading = false;
  await refresh();
  counting.now(view);
  emptiness();
}

export const quietRefresh = () => counting.soon();

// render shows what the address says of this tab.
export async function render() {
  levels();
  if (state.id != null) {
    if (!feed.loaded) return;
    let i = feeds.indexOf(state.id);
    if (i < 0) { await refresh().catch(quiet); i = feeds.indexOf(state.id); }
    if (i >= 0 && state.id != null) {
      feed.follow = false;
      cursor = state.id;
      rows.items = feed.items;
      rows.reveal(i, true);
    }
  }
  draw();
  histogram.draw();
}

new ResizeObserver(() => {
  height = rowHeight();
  if (state.tab !== 'live') return;
  if (feed.follow) scrollToEnd();
  histogram.draw();
}).observe(list);
addEventListener('resize', () => { if (state.tab === 'live') counting.soon(); });
