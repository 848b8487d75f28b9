// What the search box offers: keys, and the values they have in the records that the page holds.
import { feed } from './feed.js';
import { LEVELS } from './levels.js';
import { isObject } from './numbers.js';
import { quote } from './query.js';
import { flatten } from './row.js';

const MOST = 8, LOOK_AT = 2000;

const KEYS = [
  ['level', 'debug … critical, or >=warn'], ['service', 'who sent it'], ['status', 'HTTP status, 5* for a class'], ['route', 'route template'],
  ['method', 'HTTP method'], ['duration_ms', 'number: >250'], ['has', 'a field is there: has:error'], ['type', 'type of the error'],
  ['run', 'number of the run'], ['request_id', 'one request'], ['trace_id', 'one trace'], ['verdict', 'refused, cut, masked, redelivered'],
  ['protocol', 'ledger, otlp, pipe, file'], ['release', 'version'], ['environment', 'where it runs'], ['fingerprint', 'one group of errors'],
];
const LISTED = {
  level: ['>=warn', '>=error', ...LEVELS],
  has: ['error', 'trace_id', 'request_id', 'endpoint'],
  verdict: ['refused', 'cut', 'masked', 'redelivered'],
  protocol: ['ledger', 'otlp', 'pipe', 'file'],
};
const SHORT = {
  status: r => r.attributes?.endpoint?.status_code, method: r => r.attributes?.endpoint?.method,
  route: r => r.attributes?.endpoint?.path, type: r => r.error?.type,
};

const recent = () => feed.items.slice(-LOOK_AT).filter(item => !item.note);

function keys() {
  const found = new Map();
  for (const record of recent()) flatten(record.attributes, path => { found.set(path, (found.get(path) || 0) + 1); });
  const attributes = [...found].sort((a, b) => b[1] - a[1]).map(([path]) => [path, 'attribute']);
  return [...KEYS, ...attributes];
}

function values(key) {
  const found = new Map();
  const add = value => { if (value != null && value !== '' && !isObject(value)) found.set(String(value), (found.get(String(value)) || 0) + 1); };
  for (const record of recent()) {
    if (SHORT[key]) add(SHORT[key](record));
    else if (!isObject(record[key])) add(record[key]);
    flatten(record.attributes, (path, value) => { if (path === key || path.endsWith('.' + key)) add(value); });
  }
  return [...found].sort((a, b) => b[1] - a[1]);
}

// suggest answers { label, hint, at, text, more } for what stands before the caret; more: a value follows.
export function suggest(q, caret) {
  const typed = /(^|[\s(-])([^\s():"]*)(?::("?[^\s()"]*))?$/.exec(q.slice(0, caret));
  if (!typed) return [];
  const [, , key, value] = typed, at = caret - key.length - (value === undefined ? 0 : value.length + 1);
  if (value === undefined) {
    const part = key.toLowerCase();
    return keys().filter(([k]) => k.toLowerCase().includes(part)).slice(0, MOST)
      .map(([k, hint]) => ({ label: k + ':', hint, at, text: k + ':', more: true }));
  }
  const part = value.replace(/^"/, '').toLowerCase();
  const listed = LISTED[key]?.map(v => [v, '']) || values(key);
  return listed.filter(([v]) => v.toLowerCase().includes(part) && v.length < 200).slice(0, MOST)
    .map(([v, n]) => ({ label: v, hint: String(n), at, text: `${key}:${LISTED[key] ? v : quote(v)}` }));
}
