// One record as a row of the list, and the rows that are no records.
import { h } from './dom.js';
import { clean, clip, clock, num, plural } from './format.js';
import { LEVELS, levelTag } from './levels.js';
import { link } from './link.js';
import { isObject, plain } from './numbers.js';

const VALUE_LENGTH = 60, ROW_LENGTH = 600;
// What the message or a column says already is left out of a row, and so are ids.
const SAID = new Set(['endpoint', 'error', '_truncated', 'service', 'environment', 'release', 'request_id', 'trace_id', 'span_id', 'log_id']);

// What httplog says of each request besides: it is the same in most rows, and stands in the panel.
const OF_REQUEST = new Set([...SAID, 'client_ip', 'user_agent', 'host', 'http_version', 'request_bytes']);

// flatten walks attributes depth first and calls visit(path, value) for each leaf, until visit says true.
export function flatten(attributes, visit, skip = SAID, path = '') {
  for (const [key, value] of Object.entries(attributes || {})) {
    const here = path ? path + '.' + key : key;
    if (!path && skip.has(key)) continue;
    if (isObject(value) && !Array.isArray(value)) { if (flatten(value, visit, skip, here)) return true; }
    else if (visit(here, value)) return true;
  }
  return false;
}

const text = value => (Array.isArray(value) ? value.map(v => (isObject(v) ? JSON.stringify(v) : v)).join(', ') : String(value));

function inlineAttributes(record) {
  const out = [];
  let length = 0;
  flatten(record.attributes, (path, value) => {
    const shown = clip(clean(text(value)), VALUE_LENGTH);
    out.push(h('i', {}, clean(path) + '='), shown, ' ');
    return (length += path.length + shown.length) > ROW_LENGTH;
  }, record.attributes?.endpoint ? OF_REQUEST : SAID);
  return out;
}

// marker wraps the words of the query, where they occur in a text.
export function marker(words) {
  if (!words.length) return text => text;
  const found = new RegExp('(' + words.map(w => w.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|') + ')', 'ig');
  return text => text.split(found).map((part, i) => (i % 2 ? h('mark', {}, part) : part));
}

export const rowID = item => (item.note ? `row-${item.note}-${item.run ?? item.after ?? ''}` : `row-${item.id}`);

export function recordRow(record, mark) {
  const level = LEVELS.includes(record.level) ? record.level : 'info';
  const tags = (record.verdict?.notes || []).map(note => h('span', { class: 'tag' + (note.kind === 'refused' ? ' bad' : '') }, clip(note.kind, 20)));
  const detail = record.error ? mark(clip(clean(`${record.error.type}: ${record.error.message}`), ROW_LENGTH)) : inlineAttributes(record);
  return h('div', { class: `row ${level}${record.verdict?.accepted === false ? ' refused' : ''}`, role: 'option', id: rowID(record), 'data-id': record.id },
    h('span', { class: 'time' }, clock(record.t)), levelTag(record.level), h('span', { class: 'svc' }, clean(record.service || '')),
    h('span', { class: 'text' }, mark(clip(clean(record.message), ROW_LENGTH)), h('span', { class: 'attrs' }, detail)),
    h('span', { class: 'end' }, [...tags.slice(0, 3)]));
}

const NOTES = {
  evicted: () => [`${plural(link.stats?.evicted || 0, 'older record was', 'older records were')} let go to stay within ${num((link.stats?.max_bytes || 0) / 2 ** 20)} MiB`],
  restarted: item => [`ledgerview began anew at ${clock(item.after, false)}. What it held before is gone.`],
  run: item => [`Run ${item.run} of ${clean(item.service || 'a service')} began at ${clock(item.t, false)}${item.release ? ', ' + clean(item.release) : ''}`, 'This run only'],
  missed: item => [`${plural(item.count, 'record')} missed here`, 'Load'],
};

export function noteRow(item) {
  const [told, action] = NOTES[item.note](item);
  return h('div', { class: `row note ${item.note}`, role: 'option', id: rowID(item), 'data-note': item.note, 'data-acts': action ? '' : null },
    h('span', { class: 'told' }, told), h('hr'), action && h('span', { class: 'link' }, action));
}

export function updateNote(el, item) {
  const told = el.querySelector('.told'), now = NOTES[item.note](item)[0];
  if (told.textContent !== now) told.textContent = now;
}

export const durationOf = record => plain(record.attributes?.endpoint?.duration_ms ?? record.attributes?.duration_ms);
