// The status bar. While a fault is on, or the connection is lost, it is the banner: it appears by itself, and where it
// stands nothing has to move for it.
import { $, button, fill, h } from './dom.js';
import { pageURL } from './api.js';
import { href } from './address.js';
import { bytes, num } from './format.js';
import { KINDS, current, stop } from './faults.js';
import { check, link } from './link.js';

const bar = $('#status'), host = pageURL.replace(/^https?:\/\//, '');
let shape = '', parts = {};

// build makes the bar anew when its kind changed; alerts are read out once, counts change in place.
function build(kind, make) {
  if (shape === kind) return;
  shape = kind;
  parts = {};
  bar.className = 'status ' + kind.split(' ')[0];
  fill(bar, make());
}
const part = (name, props = {}) => (parts[name] = h(props.href ? 'a' : 'span', props));
const set = (name, text) => { if (parts[name] && parts[name].textContent !== text) parts[name].textContent = text; };

export function render() {
  const fault = current(), faultButton = $('#fault-button');
  faultButton.classList.toggle('on', !!fault);
  fill($('#fault-label'), fault ? [fault.kind, h('span', { class: 'left' }, `, ${fault.left} s`)] : 'Faults');
  if (link.lost) return lost();
  if (fault) return faulty(fault);
  if (link.stats) counts(link.stats);
}

function lost() {
  build('lost', () => [
    h('span', { role: 'alert' }, h('span', { class: 'dot' }), h('b', {}, 'Connection lost.'), h('span', { class: 'opt' }, ` ledgerview does not answer at ${host}. What is shown stays.`)),
    h('span', { class: 'end' }, part('again'), button('Try now', () => check()))]);
  const seconds = Math.max(0, Math.ceil((link.retryAt - Date.now()) / 1000));
  set('again', seconds ? `Trying again in ${seconds} s` : 'Trying…');
}

function faulty(fault) {
  build('fault ' + fault.kind, () => [
    h('span', { role: 'alert' }, h('b', {}, `Fault on: ${fault.kind}. `), h('span', { class: 'opt' }, (KINDS[fault.kind] || '') + ' to every record sent here.')),
    h('span', { class: 'end' }, part('left'), button('Stop', stop))]);
  set('left', `${fault.left} s left`);
}

function counts(stats) {
  build('on', () => [
    h('span', {}, h('span', { class: 'dot' }), host),
    part('received', { class: 'opt' }), part('kept', { class: 'opt' }),
    part('refused', { class: 'bad', href: href({ tab: 'live', q: 'verdict:refused', id: null, group: null, route: null, trace: null }) }),
    part('redelivered', { class: 'opt', href: href({ tab: 'live', q: 'verdict:redelivered', id: null, group: null, route: null, trace: null }) }),
    h('span', { class: 'end' }, part('rate', { class: 'opt rate' }),
      h('span', {}, h('span', { class: 'meter opt', 'aria-hidden': 'true' }, (parts.meter = h('i'))), part('memory')))]);
  set('received', `${num(stats.received)} received`);
  set('kept', `${num(stats.kept)} kept`);
  for (const name of ['refused', 'redelivered']) {
    set(name, `${num(stats[name])} ${name}`);
    parts[name].hidden = !stats[name];
  }
  set('rate', `${stats.rate >= 100 ? num(stats.rate) : +(stats.rate || 0).toFixed(1)} per s`);
  set('memory', `${num(stats.bytes / 2 ** 20)} of ${bytes(stats.max_bytes)}`);
  parts.meter.style.width = Math.min(100, stats.bytes / stats.max_bytes * 100) + '%';
}

export function start() {
  setInterval(() => { if (link.lost || current()) render(); }, 500);
}
