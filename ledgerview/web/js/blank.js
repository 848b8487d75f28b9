// Nothing received, nothing found: what to do next.
import { button, copy, fill, h, icon } from './dom.js';
import { pageURL } from './api.js';
import { go, state } from './address.js';
import { num } from './format.js';
import { link } from './link.js';
import { chooseFile } from './transfer.js';

const apiKey = () => link.config?.api_key || 'ledger_local';
let shown = null;

// blank fills el for 'empty' or 'no match', and hides it for null.
export function blank(el, kind) {
  el.hidden = !kind;
  const key = kind === 'no match' ? JSON.stringify([state.q, state.from, state.run]) : kind;
  el.classList.toggle('none-found', kind === 'no match');
  if (kind === 'no match') { const told = el.querySelector('.looked'); if (told) told.textContent = looked(); }
  if (key === shown) return;
  shown = key;
  if (kind === 'empty') fill(el, empty());
  else if (kind) fill(el, noMatch());
}

const empty = () => h('div', {},
  h('h2', {}, 'No records yet'),
  h('p', {}, `Listening at ${pageURL}. This page shows a record the moment it arrives.`),
  h('h3', {}, 'Point a service with this SDK, or any OTLP logger, at it'),
  command(`export LEDGER_BASE_URL=${pageURL}\nexport LEDGER_API_KEY=${apiKey()}`, 'the two lines of environment'),
  h('h3', {}, 'Or send one record by hand'),
  command(`curl ${pageURL}/api/v1/ingest/single \\\n  -H 'X-API-Key: ${apiKey()}' -H 'Content-Type: application/json' \\\n  -d '{"timestamp":"'$(date -u +%FT%TZ)'","level":"info","message":"hello from curl"}'`, 'the curl command'),
  h('h3', {}, 'Or pipe what any program prints'),
  command('go run ./cmd/shop 2>&1 | ledgerview -stdin', 'the pipe'),
  h('h3', {}, 'Or look at records that were saved'),
  h('div', { class: 'acts' }, button('Open an NDJSON file', chooseFile)));

const command = (text, what) => h('div', { class: 'cmd' },
  h('pre', { tabindex: 0, role: 'region', 'aria-label': what }, text),
  h('button', { class: 'btn quiet square', type: 'button', 'aria-label': 'Copy ' + what, title: 'Copy', onclick: () => copy(text, 'Command') }, icon('copy')));

const looked = () => `Looked through ${num(link.stats?.kept ?? 0)} records. New ones that match will show up here.`;

const noMatch = () => h('div', {},
  h('h2', {}, 'No record matches'),
  h('p', { class: 'looked' }, looked()),
  h('div', { class: 'acts' },
    state.q && button('Clear the search', () => go({ q: '' })),
    state.from != null && button('All time', () => go({ from: null, to: null })),
    state.run && button('All runs', () => go({ run: null }))));
