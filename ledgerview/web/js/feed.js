// The records the page holds: a window of what the viewer keeps, oldest first, which grows at both ends on demand and
// never over CAP. It knows nothing of the list that shows it; onFeed says what changed, so that the list can stand still.
import { accept, api, scope } from './api.js';
import { state } from './address.js';
import { timeOf } from './format.js';
import { link } from './link.js';
import { Stream } from './stream.js';

const PAGE = 500, CAP = 20000, SLACK = 2000;

// items holds records and notes: { note: 'evicted' | 'run' | 'missed' | 'restarted', … }.
// older, newer: the viewer has more before or after; fresh: what came while not following, and more if uncounted.
export const feed = { items: [], older: false, newer: false, follow: true, fresh: 0, uncounted: false, loaded: false, scanned: 0, restarted: 0 };

const listeners = [];
// onFeed is told { reset, top, arrived }: whether all is new, how many rows came (or went: negative) above, and records.
export const onFeed = listener => listeners.push(listener);
const changed = change => { for (const listener of listeners) listener({ reset: false, top: 0, arrived: [], ...change }); };

const stream = new Stream({ records: append, missed });
let loading = new AbortController(), extending = false, lastRun = new Map();

// streamOf is for tests.
export const streamOf = () => stream;

const isRecord = item => !item.note;
export const firstID = () => feed.items.find(isRecord)?.id;
export const lastID = () => feed.items.findLast(isRecord)?.id;
export const indexOf = id => feed.items.findIndex(item => item.id === id);
export const recordOf = id => feed.items.find(item => item.id === id);
export const keyOf = item => (item.note ? `${item.note}-${item.run ?? item.after ?? ''}` : item.id);

function read(record) {
  record.t = timeOf(record.time);
  return record;
}

// reload asks for the newest records of the scope, or for those around one, and follows the stream from there.
export async function reload(around) {
  loading.abort();
  const { signal } = (loading = new AbortController());
  const params = { ...scope(), q: state.q, brief: 1, limit: PAGE };
  let answer, newer = [], more = false;
  if (around != null) {
    const [before, after] = await Promise.all([
      api.records({ ...params, before: around + 1 }, signal),
      api.records({ ...params, after: around }, signal),
    ]);
    answer = before;
    newer = after.records;
    more = after.more;
  } else answer = await api.records(params, signal);
  accept(params.q);
  const records = [...answer.records.reverse(), ...newer].map(read);
  Object.assign(feed, { older: answer.more, newer: more, fresh: 0, uncounted: false, loaded: true, scanned: answer.scanned });
  setItems(records);
  stream.open({ q: params.q, from: params.from, to: params.to, run: params.run }, lastID() ?? 0);
  changed({ reset: true });
}

export const stop = () => { loading.abort(); stream.close(); };

// setItems puts the notes between the records: where memory ends, and where a process began anew.
function setItems(records) {
  lastRun = new Map();
  feed.items = [];
  if (!feed.older && feed.restarted) feed.items.push({ note: 'restarted', after: feed.restarted });
  if (!feed.older && link.stats?.evicted && !state.q && !state.run && state.from == null) feed.items.push({ note: 'evicted' });
  for (const record of records) push(record);
}

function push(item) {
  if (!item.note && item.run) {
    const before = lastRun.get(item.service);
    if (before !== undefined && item.run > before) feed.items.push({ note: 'run', run: item.run, service: item.service, release: item.release, t: item.t });
    if (before === undefined || item.run > before) lastRun.set(item.service, item.run);
  }
  feed.items.push(item);
}

function append(records) {
  const last = lastID() ?? 0;
  const fresh = records.filter(r => r.id > last).map(read);
  if (!feed.follow) feed.fresh += fresh.length;
  if (!feed.follow && feed.items.length + fresh.length > CAP + SLACK) feed.newer = true;
  if (feed.newer) return changed({ arrived: fresh });
  const gap = feed.items.at(-1);
  if (gap?.note === 'missed' && gap.before == null && fresh.length) gap.before = fresh[0].id;
  for (const record of fresh) push(record);
  let top = 0;
  if (feed.follow && feed.items.length > CAP + SLACK) {
    top = CAP - feed.items.length;
    feed.items.splice(0, -top);
    feed.older = true;
  }
  changed({ arrived: fresh, top });
}

// missed puts a row where records were left out, because this page was too slow for them.
function missed(count) {
  if (feed.newer) { feed.fresh += count; return changed({}); }
  const last = feed.items.at(-1);
  if (last?.note === 'missed') last.count += count;
  else feed.items.push({ note: 'missed', count, after: lastID() ?? 0, before: null });
  changed({});
}

// fillGap loads what a missed row stands for, up to a thousand records at a time.
export async function fillGap(gap) {
  const answer = await api.records({ ...scope(), brief: 1, after: gap.after, limit: 1000 }, loading.signal);
  const at = feed.items.indexOf(gap);
  if (at < 0) return;
  const end = gap.before ?? Infinity, found = answer.records.filter(r => r.id < end).map(read);
  const whole = found.length < answer.records.length || !answer.more;
  feed.items.splice(at, 1, ...found);
  if (!whole) feed.items.splice(at + found.length, 0, { note: 'missed', count: Math.max(1, gap.count - found.length), after: found.at(-1).id, before: gap.before });
  changed({});
}

// extend loads a page of records before the first or after the last.
export async function extend(direction) {
  if (extending || !feed[direction]) return;
  extending = true;
  try {
    const { signal } = loading, params = { ...scope(), brief: 1, limit: PAGE };
    const first = feed.items.find(isRecord), at = feed.items.indexOf(first);
    const answer = await api.records({ ...params, ...(direction === 'older' ? { before: firstID() } : { after: lastID() }) }, signal);
    if (signal.aborted) return;
    if (direction === 'older') {
      feed.older = answer.more;
      const end = feed.items.length + answer.records.length > CAP ? feed.items.findLastIndex(isRecord) + 1 - answer.records.length : undefined;
      if (end !== undefined) feed.newer = true;
      const rest = feed.items.slice(0, end).filter(item => isRecord(item) || item.note === 'missed');
      setItems([...answer.records.reverse().map(read), ...rest]);
      changed({ top: feed.items.indexOf(first) - at });
    } else {
      feed.newer = answer.more;
      for (const record of answer.records.map(read)) push(record);
      const over = Math.max(0, feed.items.length - CAP);
      if (over) { feed.items.splice(0, over); feed.older = true; }
      if (!answer.more) stream.open({ q: params.q, from: params.from, to: params.to, run: params.run }, lastID() ?? 0);
      changed({ top: -over });
    }
  } finally {
    extending = false;
  }
}

// catchUp is told the newest id of the viewer when the page is seen again: a stream of all that came meanwhile would
// only be thrown away. Whoever follows gets the newest records; whoever reads keeps the place, and is told.
export async function catchUp(newest) {
  if (newest - (stream.after ?? newest) < CAP / 4) return;
  if (feed.follow) return reload();
  feed.newer = feed.uncounted = true;
  const { q, from, to, run } = scope();
  stream.open({ q, from, to, run }, newest);
  changed({});
}

// A window such as "the last 5 minutes" moves on: what fell out of it goes, as long as nobody reads it.
export function moveWindow() {
  if (!(state.from < 0) || !feed.follow) return;
  const from = Date.now() + state.from;
  let over = 0;
  while (over < feed.items.length && feed.items[over].t < from) over++;
  if (!over) return;
  feed.items.splice(0, over);
  changed({ top: -over });
}
