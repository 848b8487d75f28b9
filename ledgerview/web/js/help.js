// The help: keys and the query language.
import { $, fill, h, iconButton } from './dom.js';

const KEYS = [
  [[['/']], 'Search'], [[['j'], ['k']], 'Down, up'], [[['Enter']], 'Open'], [[['Esc']], 'Close; then clear the selection'],
  [[['f']], 'Follow, or stop'], [[['g', 'l']], 'Live'], [[['g', 'e']], 'Errors'], [[['g', 'r']], 'Requests'], [[['g', 't']], 'Traces'],
  [[['Home'], ['End']], 'Oldest shown, newest'], [[['t']], 'Theme'], [[['?']], 'This help'],
];
const TREE = [[[['↑'], ['↓']], 'One attribute up, down'], [[['→'], ['←']], 'Into its buttons, or open and close a group'], [[['+'], ['-']], 'Only this, without this']];
const SYNTAX = [
  ['refused "card declined"', 'both, anywhere'], ['customer.id:42', 'an attribute by its path'], ['level:>=warn', 'this level and above'],
  ['duration_ms:>250', 'numbers: > >= < <='], ['status:5*', '* stands for anything'], ['has:error', 'the field is there'],
  ['verdict:refused', 'what the server would say'], ['-service:web', 'not'], ['a OR (b c)', 'or; together'],
];
const dialog = $('#help');

const keyRow = ([keys, told]) => h('div', {}, h('dt', {}, keys.map(combination => combination.map(key => h('kbd', {}, key)))), h('dd', {}, told));

export function show() {
  fill(dialog,
    h('header', {}, h('h2', {}, 'Help'), iconButton('Close', 'x', () => dialog.close())),
    h('div', { class: 'cols' },
      h('section', {}, h('h3', {}, 'Keys'), h('dl', {}, KEYS.map(keyRow))),
      h('section', { class: 'wide' }, h('h3', {}, 'Search'),
        h('dl', {}, SYNTAX.map(([query, told]) => h('div', {}, h('dt', {}, h('code', {}, query)), h('dd', {}, told)))),
        h('h3', { class: 'gap' }, 'In a tree of attributes'), h('dl', {}, TREE.map(keyRow)))));
  dialog.showModal();
}

export function start() {
  $('#help-button').addEventListener('click', show);
  dialog.addEventListener('click', event => { if (event.target === dialog) dialog.close(); });
}
