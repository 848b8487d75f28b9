// Faults: the viewer misbehaves on request, so that one sees what a service does.
import { $, fill, h, toast } from './dom.js';
import { api } from './api.js';
import { timeOf } from './format.js';
import { check, link } from './link.js';

export const KINDS = {
  429: 'Answers 429 with Retry-After',
  503: 'Answers 503 Service Unavailable',
  401: 'Answers 401, as for a bad key',
  hang: 'Takes the request and never answers',
  slow: 'Answers, but seconds later',
};
const ORDER = ['429', '503', '401', 'hang', 'slow'], LENGTHS = [10, 30, 120];
let length = 30;

// The fault that is on: { kind, left } in seconds, or null.
export function current() {
  const fault = link.stats?.fault;
  if (!fault?.kind) return null;
  const until = fault.until ? timeOf(fault.until) : Date.now();
  return { kind: fault.kind, left: Math.max(0, Math.ceil((until - Date.now()) / 1000)) };
}

async function begin(kind) {
  $('#faults').hidePopover();
  try { await api.setFault(kind, length + 's'); } catch (e) { toast(e.message); }
  check();
}

export async function stop() {
  try { await api.clearFault(); } catch (e) { toast(e.message); }
  check();
  $('#fault-button').focus();
}

function menu() {
  fill($('#faults'),
    h('p', {}, 'Misbehave for a while, and see what a service does.'),
    h('div', { class: 'seg', role: 'group', 'aria-label': 'For how long' }, 'For', LENGTHS.map(s => h('button', {
      type: 'button', 'aria-pressed': String(s === length),
      onclick: () => { length = s; menu(); $('#faults .seg [aria-pressed=true]').focus(); },
    }, s < 60 ? s + ' s' : s / 60 + ' min'))),
    h('ul', {}, ORDER.map(kind => h('li', {}, h('button', { type: 'button', onclick: () => begin(kind) }, h('b', {}, kind), h('span', {}, KINDS[kind]))))));
}

export function start() {
  menu();
  $('#faults').addEventListener('toggle', event => $('#fault-button').setAttribute('aria-expanded', String(event.newState === 'open')));
}
