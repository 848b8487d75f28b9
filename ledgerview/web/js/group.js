// The panel of one group of errors.
import { button, copy, fill, h, iconButton } from './dom.js';
import { api, scope } from './api.js';
import { href } from './address.js';
import { causes } from './causes.js';
import { ago, clean, clip, clock, moment, num, timeOf } from './format.js';
import { levelTag } from './levels.js';
import { markdown } from './markdown.js';
import { close, section } from './pane.js';

const NEWEST = 8;
// The parts of the panel that change while it is open; shown is the record that the newest list begins with.
let facts = null, newest = null, all = null, shown = 0;

export function groupPanel(group, example) {
  const error = example.error;
  const records = href({ tab: 'live', q: 'fingerprint:' + group.fingerprint, group: null, id: null, sort: null });
  const traced = example.trace_id || example.request_id;
  facts = h('dl', { class: 'facts' });
  newest = h('ul', { class: 'mini' });
  all = h('a', { class: 'btn quiet', href: records });
  shown = 0;
  refresh(group);
  return [
    h('header', {}, levelTag(group.level || example.level), h('h2', { class: 'mono' }, clean(group.type)), h('span', { class: 'end' }, iconButton('Close (Esc)', 'x', close))),
    h('div', { class: 'body', tabindex: 0, role: 'region', 'aria-label': 'Details' },
      h('p', { class: 'message' }, clip(clean(error.message, true), 4000)),
      facts,
      section('Causes and frames', null, causes(error)),
      section('Newest records', all, newest)),
    h('div', { class: 'foot' },
      button('Copy as Markdown', () => copy(markdown(group, error), 'Markdown')),
      h('a', { class: 'btn', href: records }, 'Show records'),
      traced && h('a', { class: 'btn', href: href({ tab: 'traces', trace: traced, id: null, group: null, q: '', sort: null }) }, 'Newest trace')),
  ];
}

// updateGroup refreshes what changes while the panel is open; the frames that were opened stay as they are.
export const updateGroup = group => { if (facts?.isConnected) refresh(group); };

async function refresh(group) {
  const [release, ...others] = group.releases || [];
  fill(facts, fact('Count', num(group.count)), seen('Last seen', group.last_seen), seen('First seen', group.first_seen),
    fact('Service', group.services.map(s => clean(s)).join(', ')), fact('Releases', release && clean(release), others.map(r => clean(r)).join(', ')));
  all.textContent = `All ${num(group.count)}`;
  if (shown === group.example) return;
  shown = group.example;
  const list = newest, { from, to, run } = scope();
  const { records } = await api.records({ q: 'fingerprint:' + group.fingerprint, from, to, run, limit: NEWEST, brief: 1 }).catch(() => ({ records: [] }));
  if (list === newest && records.length) fill(newest, records.map(r => h('li', {}, h('a', { href: href({ id: r.id }) },
    h('span', { class: 'dim' }, clock(timeOf(r.time))), h('span', {}, clip(clean(r.error?.message ?? r.message), 300))))));
}

const seen = (label, time) => fact(label, moment(timeOf(time), false), ago(timeOf(time)));
const fact = (label, value, more) => value && h('div', {}, h('dt', {}, label), h('dd', {}, value, more && h('span', { class: 'dim' }, more)));
