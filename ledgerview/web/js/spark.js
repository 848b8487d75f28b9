// Small charts in the cells of a table: a sparkline, a spread of latencies, a bar of status classes.
import { h } from './dom.js';
import { bar } from './svg.js';

const UNIT = 4;

// spark draws counts as bars. tip(i) says what a bar stands for.
export function spark(values, cls, label, tip) {
  const width = values.length * UNIT, max = Math.max(2, ...values);
  const d = values.map((v, i) => (v ? bar(i * UNIT, 23 - Math.max(3, v / max * 22), UNIT - 1, Math.max(3, v / max * 22)) : '')).join('');
  return withTip(h('svg', { class: 'spark has-tip', viewBox: `0 0 ${width} 24`, preserveAspectRatio: 'none', role: 'img', 'aria-label': label },
    h('line', { class: 'base', x1: 0, x2: width, y1: 23.5, y2: 23.5, 'vector-effect': 'non-scaling-stroke' }),
    d && h('path', { class: cls, d })), x => tip(Math.floor(x * values.length)));
}

// spread draws counts on a log scale of latency.
export function spread(counts, label, tip) {
  const width = counts.length * UNIT, max = Math.max(1, ...counts);
  const d = counts.map((v, i) => (v ? bar(i * UNIT, 19 - Math.max(2, v / max * 17), UNIT - 1, Math.max(2, v / max * 17)) : '')).join('');
  return withTip(h('svg', { class: 'dist has-tip', viewBox: `0 0 ${width} 20`, preserveAspectRatio: 'none', role: 'img', 'aria-label': label },
    h('line', { class: 'base', x1: 0, x2: width, y1: 19.5, y2: 19.5 }), d && h('path', { d })), x => tip(Math.floor(x * counts.length)));
}

// classes draws parts of a whole: [class, count, name].
export function classes(parts) {
  const shown = parts.filter(([, n]) => n), label = shown.map(([, n, name]) => `${n} ${name}`).join(', ');
  return withTip(h('span', { class: 'stack has-tip', role: 'img', 'aria-label': label }, shown.map(([cls, n]) => h('i', { class: cls, vars: { flex: n + ' 1 0px' } }))), () => label);
}

function withTip(el, tipAt) {
  el.tipAt = tipAt;
  return el;
}
