// The JSON API of the viewer. Addresses are relative, so that the page works under a prefix, too.
import { state } from './address.js';
import { parse } from './numbers.js';

const base = new URL('.', document.baseURI);
// The address of the page, without its last slash.
export const pageURL = base.href.replace(/\/$/, '');

// QueryFault says where the query is wrong: at is an index into its text.
export class QueryFault extends Error {
  constructor(message, at) { super(message); this.at = at; }
}
// Unreachable: no answer came, or not one of the viewer's.
export class Unreachable extends Error {}
// Refusal: the viewer answered, and the answer is no.
export class Refusal extends Error {
  constructor(message, status) { super(message); this.status = status; }
}

export function url(path, params = {}) {
  const address = new URL('api/' + path, base);
  for (const [key, value] of Object.entries(params)) if (value != null && value !== '') address.searchParams.set(key, value);
  return address;
}

export async function call(path, params, options = {}) {
  let response;
  try {
    response = await fetch(url(path, params), { cache: 'no-store', ...options });
  } catch (e) {
    if (e.name === 'AbortError') throw e;
    throw new Unreachable(e.message);
  }
  if (response.ok) return response;
  throw await faultOf(response, params?.q);
}

export async function faultOf(response, q) {
  const answer = await response.json().catch(() => null);
  if (!answer?.error) return response.status >= 500 ? new Unreachable(`status ${response.status}`) : new Refusal(response.statusText, response.status);
  if (response.status === 400 && q && answer.position != null) return new QueryFault(answer.error, answer.position);
  return new Refusal(answer.error, response.status);
}

async function json(path, params, options, read = response => response.json()) {
  const response = await call(path, params, options);
  try {
    return await read(response);
  } catch (e) {
    if (e.name === 'AbortError') throw e;
    throw new Unreachable(e.message);
  }
}

// scope is what all questions share: the query, the time and the run of the address. A faulty query changes nothing:
// until the viewer took it, the last good one goes on.
let accepted = null;
export const accept = q => { accepted = q; };

export function scope() {
  const from = state.from == null ? null : state.from < 0 ? Date.now() + state.from : state.from;
  return { q: accepted ?? state.q, from, to: state.to, run: state.run };
}
export const scopeKey = () => JSON.stringify([state.q, state.from, state.to, state.run]);

const get = path => (params, signal) => json(path, params, { signal });
const records = (params, signal) => json('records', params, { signal }, async response => parse(await response.text()));
export const api = {
  records,
  // record answers one record, whole.
  async record(id, signal) {
    const [found] = (await records({ before: id + 1, limit: 1 }, signal)).records;
    if (found?.id !== id) throw new Refusal('this record is no longer in memory', 404);
    return found;
  },
  histogram: get('histogram'),
  errors: get('errors'),
  routes: get('routes'),
  latency: get('latency'),
  traces: get('traces'),
  runs: get('runs'),
  source: get('source'),
  stats: get('stats'),
  config: get('config'),
  setFault: (kind, length) => call('fault', {}, { method: 'PUT', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ kind, for: length }) }),
  clearFault: () => call('fault', {}, { method: 'DELETE' }),
  forget: () => call('records', {}, { method: 'DELETE' }),
  importFile: file => json('import', {}, { method: 'POST', headers: { 'Content-Type': 'application/x-ndjson' }, body: file }),
};
