// The histogram over the list: records over time by level. Drag zooms, a click takes one bar. By keyboard: the time menu.
import { h } from './dom.js';
import { clock, duration, moment, num } from './format.js';
import { LABEL, LEVELS, WORST_FIRST } from './levels.js';
import { Columns, Tip, nice, timeAxis } from './svg.js';

const TOP = 8, AXIS = 18, DRAG_PX = 4, ANCHOR_PX = 8;

// The number of bars a chart of the window's width may have. Not of the view's: opening the panel must not change bars.
export const barCount = () => Math.max(12, Math.floor((innerWidth - 32) / ANCHOR_PX));

// Histogram draws into el. onZoom(from, to) is called with whole milliseconds.
export class Histogram {
  constructor(el, onZoom) {
    Object.assign(this, { el, onZoom, data: null, runs: [], dragFrom: null, dragging: false });
    this.tip = new Tip();
    el.addEventListener('pointermove', e => this.move(e));
    el.addEventListener('pointerdown', e => this.down(e));
    el.addEventListener('pointerup', e => this.up(e));
    el.addEventListener('pointercancel', () => this.end());
    el.addEventListener('pointerleave', () => { if (!this.dragging) this.end(); });
  }

  // set takes { from, step, buckets } with times in milliseconds. While one drags, nothing is drawn anew.
  set(data, runs = this.runs) {
    this.data = data;
    this.runs = runs;
    this.draw();
  }

  draw() {
    const { el, data } = this, width = el.clientWidth, height = el.clientHeight;
    if (!data || !width || this.dragging) return;
    const axis = height > 50 ? AXIS : 2, plot = height - axis - TOP, base = TOP + plot;
    const { from, step, buckets } = data, n = Math.max(1, buckets.length), each = width / n, gap = each > 5 ? 1 : 0;
    Object.assign(this, { width, base, each });
    const max = nice(Math.max(0, ...buckets.map(b => b.all)));
    const svg = h('svg', { 'aria-hidden': 'true' },
      h('line', { class: 'grid-line', x1: 0, x2: width, y1: base + .5, y2: base + .5 }),
      h('line', { class: 'grid-line', x1: 0, x2: width, y1: TOP + .5, y2: TOP + .5 }));
    const columns = new Columns(WORST_FIRST); // the worst at the base, where heights compare
    buckets.forEach((b, i) => columns.stack(i * each, Math.max(1, each - gap), base,
      WORST_FIRST.filter(l => b[l]).map(l => [l, b[l] / max * plot, l === 'info' || l === 'debug' ? 1 : 2])));
    svg.append(...columns.elements(level => 'f-' + level));
    for (const run of this.runs) this.drawRun(svg, run, from, step, n);
    if (axis === AXIS) {
      timeAxis(svg, from, from + n * step, { x: 0, width, y: height - 4 });
      svg.append(h('text', { class: 'axis', x: width, y: TOP - 1, 'text-anchor': 'end' }, `${num(max)} per ${duration(step)}`));
    }
    this.band = h('rect', { class: 'hover-band', y: 0, height: base, width: 0, x: 0 });
    svg.append(this.band);
    el.setAttribute('aria-label', this.sentence());
    el.replaceChildren(svg, this.tip.el);
    if (this.pointer != null) this.hover(this.pointer);
  }

  drawRun(svg, run, from, step, n) {
    const at = (run.t - from) / step;
    if (at < 3 || at >= n) return;
    const x = Math.round(at * this.each) + .5;
    svg.append(h('line', { class: 'run-line', x1: x, x2: x, y1: 0, y2: this.base }), h('text', { class: 'axis halo', x: x + 4, y: 8 }, 'run ' + run.run));
  }

  sentence() {
    const { from, step, buckets } = this.data, to = from + step * buckets.length;
    const counts = LEVELS.map(level => `${buckets.reduce((sum, b) => sum + b[level], 0)} ${level}`);
    return `Records over time by level, ${clock(from, false)} to ${clock(to, false)}: ${counts.join(', ')}`;
  }

  x(event) { return Math.max(0, Math.min(this.width, event.clientX - this.el.getBoundingClientRect().left)); }
  timeAt(x) { return this.data.from + x / this.each * this.data.step; }

  move(event) {
    if (!this.data || !this.band) return;
    this.pointer = this.x(event);
    if (this.dragging) this.drag(this.pointer);
    else this.hover(this.pointer);
  }

  hover(x) {
    const i = Math.floor(x / this.each), b = this.data.buckets[i];
    if (!b) return;
    this.band.setAttribute('x', i * this.each);
    this.band.setAttribute('width', this.each);
    const counts = WORST_FIRST.filter(l => b[l]).map(l => h('i', { class: 'lv-' + l }, `${num(b[l])} ${LABEL[l].toLowerCase()}`));
    this.tip.show((i + .5) * this.each, this.width, moment(this.data.from + i * this.data.step, this.data.step < 1000),
      counts.length ? counts : h('i', { class: 'dim' }, 'no records'));
  }

  drag(x) {
    const left = Math.min(this.dragFrom, x), right = Math.max(this.dragFrom, x);
    this.band.setAttribute('class', 'zoom-band');
    this.band.setAttribute('x', left);
    this.band.setAttribute('width', right - left);
    this.tip.show((left + right) / 2, this.width, `${clock(this.timeAt(left), false)} – ${clock(this.timeAt(right), false)}`,
      h('i', { class: 'dim' }, duration(this.timeAt(right) - this.timeAt(left))));
  }

  down(event) {
    if (event.button || !this.data) return;
    this.dragFrom = this.x(event);
    this.dragging = true;
    try { this.el.setPointerCapture(event.pointerId); } catch { /* a pointer that a script made */ }
  }

  up(event) {
    if (!this.dragging) return;
    const from = this.dragFrom, x = this.x(event), { step } = this.data;
    this.end();
    if (Math.abs(x - from) >= DRAG_PX) return this.onZoom(Math.round(this.timeAt(Math.min(x, from))), Math.round(this.timeAt(Math.max(x, from))));
    const start = this.data.from + Math.floor(x / this.each) * step;
    this.onZoom(start, start + step);
  }

  end() {
    this.dragging = false;
    this.dragFrom = this.pointer = null;
    this.tip.hide();
    this.band?.setAttribute('class', 'hover-band');
    this.band?.setAttribute('width', 0);
    this.draw();
  }
}
