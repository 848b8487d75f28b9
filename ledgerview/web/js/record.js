// The panel of one record: everything there is about it.
import { button, copy, fill, h, iconButton } from './dom.js';
import { go, href, state } from './address.js';
import { causes } from './causes.js';
import { clean, duration, moment, timeOf } from './format.js';
import { levelTag } from './levels.js';
import { close, section, step } from './pane.js';
import { attributeRows, folded, tree } from './tree.js';

export function recordPanel(record) {
  const traced = record.trace_id || record.request_id;
  const raw = h('pre', { class: 'raw', hidden: true, tabindex: 0, role: 'region', 'aria-label': 'Raw JSON' });
  const trace = traced && href({ tab: 'traces', trace: traced, id: null, q: '', group: null, route: null });
  const ids = idRows(record, trace);
  return [
    h('header', {}, levelTag(record.level), h('h2', { class: 'mono' }, moment(record.t)), h('span', { class: 'dim kbd-hint' }, clean(record.service || '')),
      h('span', { class: 'end' },
        state.group && iconButton('Back to the group', 'back', () => go({ id: null })),
        (state.tab === 'live' || state.tab === 'traces') && [iconButton('Previous record (k)', 'up', () => step(-1)), iconButton('Next record (j)', 'down', () => step(1))],
        iconButton('Close (Esc)', 'x', close))),
    h('div', { class: 'body', tabindex: 0, role: 'region', 'aria-label': 'Details' },
      h('p', { class: 'message' }, folded(clean(record.message, true), 4000)),
      verdict(record.verdict),
      record.error && section('Error', record.fingerprint && h('a', { class: 'btn quiet', href: href({ tab: 'errors', group: record.fingerprint.slice(0, 12), id: null }) }, 'Group'),
        causes(record.error, { alone: true })),
      attributes(record),
      section('Record', null, tree('Record', recordRows(record))),
      ids.length > 0 && section('IDs', null, tree('IDs', ids)),
      raw),
    h('div', { class: 'foot' },
      trace && h('a', { class: 'btn', href: trace }, 'Show trace'),
      button('Copy JSON', () => copy(json(record), 'JSON')),
      button('Copy link', () => copy(location.href, 'Link')),
      button('Raw', event => toggleRaw(raw, record, event.currentTarget), { class: 'btn quiet', 'aria-expanded': 'false' })),
  ];
}

const json = record => JSON.stringify(record, (key, value) => (key === 't' && value === record.t ? undefined : value), 2);

function toggleRaw(raw, record, by) {
  raw.hidden = !raw.hidden;
  fill(raw, raw.hidden ? '' : folded(clean(json(record), true), 100e3));
  by.setAttribute('aria-expanded', String(!raw.hidden));
  if (!raw.hidden) raw.scrollIntoView({ block: 'start' });
}

const TITLES = { refused: 'The server would refuse this record', masked: 'Accepted, with a masked value', cut: 'Accepted, with a value cut', redelivered: 'Accepted, sent more than once', lost: 'Accepted by the server, and lost there', forwarded: 'Forwarded', analytics: 'Stored, but left out of the analytics' };

function verdict(verdict) {
  if (!verdict || (verdict.accepted && !verdict.notes?.length)) return null;
  const notes = verdict.notes || [], refused = !verdict.accepted;
  return h('div', { class: 'notes' + (refused ? ' bad' : '') },
    h('b', {}, refused ? TITLES.refused : TITLES[notes[0]?.kind] || 'Accepted'),
    notes.map(note => h('p', {}, note.path && h('code', {}, clean(note.path) + ': '), clean(note.text))));
}

function attributes(record) {
  // What stands under Error, Record and IDs is not said twice.
  const shown = Object.entries(record.attributes || {}).filter(([key, value]) => !(record.error && key === 'error') && !(KNOWN.has(key) && record[key] === value));
  return shown.length ? section('Attributes', null, tree('Attributes', attributeRows(Object.fromEntries(shown)))) : null;
}

const FIELDS = ['service', 'environment', 'release', 'run', 'log_type', 'importance', 'protocol'];
const KNOWN = new Set([...FIELDS, 'id', 't', 'time', 'received', 'level', 'message', 'attributes', 'trace_id', 'span_id', 'request_id', 'log_id', 'fingerprint', 'error', 'verdict', 'redelivered']);

function recordRows(record) {
  const rows = FIELDS.filter(key => record[key] != null && record[key] !== '').map(key => ({ key, value: record[key], term: key }));
  rows.push({ key: 'time', value: record.time });
  if (record.received) rows.push({ key: 'received', value: '+' + duration(Math.max(0, timeOf(record.received) - record.t)) });
  // What the viewer adds later shows, too, without a change of this page.
  const rest = Object.fromEntries(Object.entries(record).filter(([key, value]) => !KNOWN.has(key) && value != null && value !== ''));
  return [...rows, ...attributeRows(rest).map(row => ({ ...row, term: undefined }))];
}

function idRows(record, trace) {
  const link = { request_id: !record.trace_id && trace, trace_id: record.trace_id && trace };
  return ['request_id', 'trace_id', 'span_id', 'log_id', 'fingerprint'].filter(key => record[key])
    .map(key => ({ key, value: record[key], term: key, link: link[key] }));
}
