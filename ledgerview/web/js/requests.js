// The Requests view: two charts, and a row a route. A chosen route changes the charts.
import { $, button, fill, h } from './dom.js';
import { api, scope } from './api.js';
import { go, href, state } from './address.js';
import { Ask } from './ask.js';
import { bucketsOf } from './buckets.js';
import { TimeChart } from './chart.js';
import { clean, clip, clock, moment, ms, msText, num, plural, timeOf } from './format.js';
import { quote, withTerm } from './query.js';
import { classes, spread } from './spark.js';
import { Table } from './table.js';

const ROW = 32, HOT = .05, POINTS = 1000, BAR_PX = 12;
const SPREAD_FROM = .1, SPREAD_DECADES = 5; // ms; the spread goes to 10 s

const view = $('#v-requests');
let routes = [], minutes = 1, loaded = false, latency = null, latencyOf = null;

const chosen = () => routes.find(r => r.key === state.route);
const recordsOf = route => href({ tab: 'live', q: withTerm(withTerm(state.q, `route:${quote(route.path)}`), `method:${quote(route.method)}`), route: null, id: null, sort: null });

// ---- the table ----

const COLUMNS = [
  { key: 'route', label: 'Route', sort: r => r.path + ' ' + r.method },
  { key: 'count', label: 'Requests', cls: 'num', col: 'w-num', desc: true, sort: r => r.count },
  { key: 'rate', label: 'Per min', cls: 'num c-rate', col: 'w-num c-rate' },
  { key: 'errors', label: 'Errors', cls: 'num', col: 'w-num', desc: true, sort: r => r.errors / r.count },
  { key: 'p50', label: 'p50', cls: 'num c-p50', col: 'w-num c-p50', desc: true, sort: r => r.p50_ms },
  { key: 'p95', label: 'p95', cls: 'num', col: 'w-num', desc: true, sort: r => r.p95_ms },
  { key: 'p99', label: 'p99', cls: 'num c-p99', col: 'w-num c-p99', desc: true, sort: r => r.p99_ms },
  { key: 'max', label: 'Slowest', cls: 'num c-max', col: 'w-num c-max', desc: true, sort: r => r.max_ms },
  { key: 'spread', label: 'Spread, log scale', cls: 'c-dist', col: 'w-dist c-dist' },
  { key: 'status', label: 'Status', cls: 'c-classes', col: 'w-cls c-classes' },
];
const table = new Table({
  cls: 'requests', label: 'Routes', columns: COLUMNS, fallback: 'count', height: () => ROW, keyOf: r => r.key, row, update,
  onOpen: r => go({ route: r.key === state.route ? null : r.key, id: null }, !!state.route),
});

function row(route) {
  return h('tr', { 'data-key': route.key },
    h('td', {}, h('button', { class: 'main-button', type: 'button' }, h('span', { class: 'path' }, h('span', { class: 'method' }, clip(clean(route.method), 8)), clip(clean(route.path), 300)))),
    h('td', { class: 'num' }, h('a', { class: 'dotted' })), h('td', { class: 'num c-rate' }), h('td'), h('td', { class: 'num c-p50' }), h('td', { class: 'num' }),
    h('td', { class: 'num c-p99' }), h('td', { class: 'num c-max' }), h('td', { class: 'c-dist' }), h('td', { class: 'c-classes' }));
}

const withUnit = ([value, unit]) => [value, h('span', { class: 'unit' }, unit)];

function update(el, route) {
  el.setAttribute('aria-selected', String(route.key === state.route));
  const link = el.cells[1].firstChild, address = recordsOf(route);
  if (link.getAttribute('href') !== address) link.setAttribute('href', address);
  const key = [route.count, route.errors, minutes.toFixed(1), route.p99_ms, route.max_ms].join();
  if (el.drawn === key) return;
  el.drawn = key;
  const [, , rate, errors, p50, p95, p99, max, dist, status] = el.cells, part = route.errors / route.count;
  link.textContent = num(route.count);
  link.setAttribute('aria-label', `${plural(route.count, 'record')} of ${route.key}`);
  rate.textContent = (route.count / minutes).toFixed(1);
  errors.className = 'num' + (part >= HOT ? ' hot' : part ? '' : ' dim');
  fill(errors, withUnit([part ? (part * 100).toFixed(1) : '0', '%']));
  for (const [cell, value] of [[p50, route.p50_ms], [p95, route.p95_ms], [p99, route.p99_ms], [max, route.max_ms]]) fill(cell, withUnit(ms(value)));
  fill(dist, spread(route.spread, `Latency of ${route.key}: p50 ${msText(route.p50_ms)}, slowest ${msText(route.max_ms)}`, i => spreadTip(route, i)));
  fill(status, classes([['f-ok', route.ok, '2xx 3xx'], ['f-warning', route.client_errors, '4xx'], ['f-error', route.errors, '5xx']]));
}

function spreadTip(route, i) {
  const edge = k => SPREAD_FROM * 10 ** (k * SPREAD_DECADES / route.spread.length);
  return `${msText(edge(i))} – ${msText(edge(i + 1))}: ${plural(route.spread[i], 'request')}`;
}

// ---- the charts ----

const PARTS = [['server_errors', 'f-error', '5xx'], ['client_errors', 'f-warning', '4xx'], ['ok', 'f-ok', '2xx 3xx']];
const LINES = [['p99_ms', 'ln-p99', 'p99'], ['p95_ms', 'ln-p95', 'p95'], ['p50_ms', 'ln-p50', 'p50']];

const swatch = ([, cls, name]) => h('span', { class: 'key' }, h('span', { class: 'swatch ' + cls }), name);
const keyLine = ([, cls, name]) => h('span', { class: 'key' }, h('svg', { class: 'keyline', 'aria-hidden': 'true' }, h('path', { class: 'ln ' + cls, d: 'M0 4H16' })), name);
const statusKeys = () => [...PARTS].reverse().map(swatch);

const countPlot = h('div', { class: 'plot' }), latencyPlot = h('div', { class: 'plot' }), latencyKeys = h('span', { class: 'keys' });
const countChart = new TimeChart(countPlot), latencyChart = new TimeChart(latencyPlot, point => go({ id: point.id }, state.id != null));
const charts = h('div', { class: 'charts' },
  h('figure', {}, h('figcaption', {}, h('b', {}, 'Requests'), statusKeys()), countPlot),
  h('figure', {}, h('figcaption', {}, h('b', {}, 'Latency'), latencyKeys), latencyPlot));

const statusClass = status => (status >= 500 ? 'error' : status >= 400 ? 'warning' : 'ok');

function drawCharts() {
  if (!latency || state.tab !== 'requests') return;
  const { buckets, from, step } = latency, route = chosen(), name = route ? route.key : 'all routes', count = Math.max(1, buckets.length);
  const when = i => moment(from + i * step, step < 1000);
  countChart.draw({
    from, step, count, format: num, label: `Requests over time, ${name}: ${PARTS.map(([key, , title]) => `${buckets.reduce((sum, b) => sum + b[key], 0)} ${title}`).join(', ')}`,
    bars: { buckets, keys: PARTS.map(p => p[0]), classOf: key => PARTS.find(p => p[0] === key)[1] },
    tip: i => [when(i), PARTS.filter(([key]) => buckets[i]?.[key]).map(([key, , title]) => h('i', {}, `${num(buckets[i][key])} ${title}`)), !PARTS.some(([key]) => buckets[i]?.[key]) && h('i', { class: 'dim' }, 'no requests')],
  });
  const dots = route && latencyOf === route.key;
  const values = dots ? latency.points.map(p => p.duration_ms) : buckets.flatMap(b => [b.p50_ms, b.p99_ms]).filter(v => v != null);
  fill(latencyKeys, dots ? [h('span', {}, 'a dot a request'), statusKeys()] : [...LINES].reverse().map(keyLine));
  latencyChart.draw({
    from, step, count, label: `Latency over time, ${name}` + (route ? `: p50 ${msText(route.p50_ms)}, p95 ${msText(route.p95_ms)}, p99 ${msText(route.p99_ms)}` : ''),
    format: v => (v >= 1000 ? v / 1000 + '\u202fs' : +v.toPrecision(1) + '\u202fms'), log: scaleOf(values),
    lines: LINES.map(([key, cls]) => ({ cls, values: buckets.map(b => b[key]) })),
    tip: i => (buckets[i]?.p50_ms == null ? [when(i), h('i', { class: 'dim' }, 'no requests')] : [when(i), [...LINES].reverse().map(([key, , title]) => h('i', {}, `${title} ${msText(buckets[i][key])}`))]),
    dots: dots && {
      points: latency.points, refs: [['p50', route.p50_ms], ['p95', route.p95_ms], ['p99', route.p99_ms]],
      tip: p => [clock(p.t), h('i', {}, msText(p.v)), h('i', { class: 'dim' }, String(p.status || ''))],
    },
  });
}

// Four decades that hold what is there: 1 ms to 10 s, unless it is faster or slower.
function scaleOf(values) {
  const sorted = values.filter(v => v > 0).sort((a, b) => a - b), middle = sorted[sorted.length >> 1] ?? 10, most = sorted.at(-1) ?? 10;
  const low = middle < 1 ? (middle < .1 ? .01 : .1) : 1;
  return [low, Math.max(low * 1000, 10 ** Math.ceil(Math.log10(Math.max(most, 1.01))))];
}

// ---- the whole ----

const title = h('h2'), told = h('output'), showRecords = h('a', { class: 'btn' }, 'Show records'), all = button('All routes', () => go({ route: null }), { class: 'btn quiet' });
const none = h('div', { class: 'none', hidden: true });
fill(view, h('div', { class: 'bar' }, title, h('div', { class: 'bar-end' }, told, showRecords, all)), charts, table.el, none);

function draw() {
  if (state.tab !== 'requests' || !loaded) return;
  const route = chosen(), total = route ? route.count : routes.reduce((sum, r) => sum + r.count, 0);
  title.textContent = route ? clip(route.key, 80) : 'All routes';
  title.classList.toggle('mono', !!route);
  told.textContent = plural(total, 'request');
  showRecords.hidden = all.hidden = !route;
  if (route) showRecords.setAttribute('href', recordsOf(route));
  charts.hidden = table.el.hidden = !routes.length;
  none.hidden = !!routes.length;
  if (!routes.length) fill(none, h('h2', {}, 'No requests here'), h('p', {}, state.q || state.from != null || state.run
    ? 'None that matches the search, the time and the run.' : 'A route shows up when a record holds a group “endpoint”, as httplog writes it.'));
  table.set(routes);
  drawCharts();
}

const asking = new Ask(async signal => {
  const params = scope(), key = state.route, cut = key?.indexOf(' ') ?? -1;
  const q = cut < 0 ? params.q : withTerm(withTerm(params.q, `route:${quote(key.slice(cut + 1))}`), `method:${quote(key.slice(0, cut))}`);
  const bars = Math.max(12, Math.floor((innerWidth - 160) / 2 / BAR_PX));
  const plan = await bucketsOf(params, bars, signal);
  const [answer, series] = await Promise.all([
    api.routes(params, signal),
    api.latency({ ...plan.params, q, points: cut < 0 ? 0 : POINTS }, signal),
  ]);
  routes = answer.routes.map(r => ({ ...r, key: `${r.method} ${r.path}` }));
  minutes = Math.max(1 / 60, ((params.to ?? Math.min(Date.now(), plan.params.to)) - (params.from ?? plan.from)) / 60e3);
  latency = {
    from: plan.from, step: plan.step, buckets: series.buckets,
    points: (series.points || []).map(p => ({ ...p, t: timeOf(p.time), v: p.duration_ms, cls: 'dot-' + statusClass(p.status) })),
  };
  latencyOf = cut < 0 ? null : key;
  loaded = true;
  draw();
}, { every: 2000 });

let routeShown;
export function render() {
  draw();
  if (routeShown !== (state.route ?? null) && loaded) asking.now();
  routeShown = state.route ?? null;
}
export const scopeChanged = () => asking.now(view);
export const arrived = records => { if (state.tab === 'requests' && records.some(r => r.attributes?.endpoint)) asking.soon(); };
export const tick = () => { if (state.tab === 'requests' && state.from < 0) asking.soon(); };
export const move = step => table.move(step, state.route);
export const toStart = () => table.toStart();
export const toEnd = () => table.toEnd();

new ResizeObserver(drawCharts).observe(charts);
