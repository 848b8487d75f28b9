// What a record and a group of errors have in common when the panel shows them: their sections, and what their buttons do.
import { h } from './dom.js';
import { go, state } from './address.js';

export const section = (title, end, ...kids) => h('section', {}, h('h3', {}, title, end && h('span', { class: 'end' }, end)), ...kids);

export const close = () => go(state.group && state.id != null ? { id: null } : { id: null, group: null });

// step moves to the next record of what the tab lists; the tab says how.
let mover = () => {};
export const onStep = move => { mover = move; };
export const step = direction => mover(direction);
