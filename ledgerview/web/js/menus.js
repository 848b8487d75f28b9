// The two menus beside the search: which run, and what time.
import { $, fill, h } from './dom.js';
import { go, state } from './address.js';
import { clean, clip, clock } from './format.js';
import { runs } from './runs.js';

const WINDOWS = [60e3, 300e3, 900e3, 3600e3];
const run = $('#run'), range = $('#range');

function runOptions() {
  const list = [...runs.list].reverse();
  const known = list.some(r => r.run === state.run);
  return [
    h('option', { value: '' }, 'All runs'),
    list.slice(0, 200).map(r => h('option', { value: r.run }, `Run ${r.run}${r.service ? ', ' + clip(clean(r.service), 24) : ''}, ${clock(r.t, false)}`)),
    state.run && !known && h('option', { value: state.run }, `Run ${state.run}`),
  ];
}

function rangeOptions() {
  const zoom = state.from != null && state.from >= 0 || state.to != null;
  const ends = [state.from, state.to].map(t => (t == null ? null : clock(t, false)));
  return [
    h('option', { value: '' }, 'All time'),
    WINDOWS.map(ms => h('option', { value: -ms }, ms < 3600e3 ? `Last ${ms / 60e3} min` : 'Last hour')),
    zoom && h('option', { value: 'zoom' }, `${ends[0] ?? 'start'} – ${ends[1] ?? 'now'}`),
    state.from < 0 && !WINDOWS.includes(-state.from) && h('option', { value: state.from }, `Last ${Math.round(-state.from / 1000)} s`),
  ];
}

let shown = '';
export function render() {
  const key = JSON.stringify([state.run, state.from, state.to, runs.list]);
  if (key === shown) return;
  shown = key;
  fill(run, ...[runOptions()].flat(2).filter(Boolean));
  run.value = state.run ?? '';
  run.parentElement.classList.toggle('on', !!state.run);
  fill(range, ...[rangeOptions()].flat(2).filter(Boolean));
  range.value = state.to != null || state.from >= 0 ? 'zoom' : String(state.from ?? '');
  range.parentElement.classList.toggle('on', state.from != null || state.to != null);
}

export function start() {
  run.addEventListener('change', () => go({ run: Number(run.value) || null }));
  range.addEventListener('change', () => { if (range.value !== 'zoom') go({ from: Number(range.value) || null, to: null }); });
  runs.onChange(() => { if (document.activeElement !== run) render(); });
}
