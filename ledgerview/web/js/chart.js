// A chart over time with a scale at its left: stacked bars, lines, or dots. The values show at the pointer.
import { h } from './dom.js';
import { Columns, Tip, dot, nice, timeAxis } from './svg.js';

const LEFT = 44, TOP = 6, AXIS = 18, NEAR = 14;

export class TimeChart {
  // onPick(point) is called for a click on a dot.
  constructor(el, onPick = () => {}) {
    this.el = el;
    this.tip = new Tip();
    el.addEventListener('pointermove', event => this.point(event));
    el.addEventListener('pointerleave', () => this.leave());
    el.addEventListener('click', () => { if (this.near) onPick(this.near); });
  }

  // draw takes { from, step, count, label, tip(i), format } and one of
  // bars { buckets, keys, classOf }, lines [{ cls, values }], dots { points: [{ t, v, cls }], refs: [[name, v]] };
  // log: [lowest, highest] of a logarithmic scale.
  draw(spec) {
    this.spec = spec;
    const width = this.el.clientWidth, height = this.el.clientHeight, plot = height - AXIS - TOP;
    if (width < LEFT + 16) return;
    Object.assign(this, { width, plot, inner: width - LEFT, span: spec.count * spec.step });
    const svg = h('svg', { role: 'img', 'aria-label': spec.label });
    this.max = nice(Math.max(1, ...(spec.bars ? spec.bars.buckets.map(b => spec.bars.keys.reduce((sum, k) => sum + (b[k] || 0), 0)) : [])));
    this.grid(svg);
    if (spec.bars) this.bars(svg);
    else if (spec.dots) this.dots(svg);
    else this.lines(svg);
    timeAxis(svg, spec.from, spec.from + this.span, { x: LEFT, width: this.inner, y: height - 2 });
    this.band = h('rect', { class: 'hover-band', x: 0, y: TOP, width: 0, height: plot });
    this.ring = h('path', { class: 'dot-ring', d: '' });
    svg.append(this.band, this.ring);
    this.el.replaceChildren(svg, this.tip.el);
    if (this.pointer) this.show();
  }

  x(i) { return LEFT + i / this.spec.count * this.inner; }
  xOf(t) { return LEFT + (t - this.spec.from) / this.span * this.inner; }
  y(v) {
    const { log } = this.spec;
    const part = log ? Math.log10(Math.max(v, log[0]) / log[0]) / Math.log10(log[1] / log[0]) : v / this.max;
    return TOP + this.plot - Math.min(1, part) * this.plot;
  }

  grid(svg) {
    const { log, format } = this.spec, at = [];
    if (log) for (let v = log[0]; v <= log[1] * 1.001; v *= 10) at.push(v);
    else at.push(0, this.max / 2, this.max);
    for (const v of at) {
      const y = Math.round(this.y(v)) + .5;
      svg.append(h('line', { class: 'grid-line', x1: LEFT, x2: this.width, y1: y, y2: y }), h('text', { class: 'axis', x: LEFT - 8, y: y + 4, 'text-anchor': 'end' }, format(v)));
    }
  }

  bars(svg) {
    const { buckets, keys, classOf } = this.spec.bars, columns = new Columns(keys), each = this.inner / this.spec.count;
    buckets.forEach((b, i) => columns.stack(this.x(i), Math.max(1, each - 1), TOP + this.plot,
      keys.filter(k => b[k]).map(k => [k, b[k] / this.max * this.plot, k === keys.at(-1) ? 1 : 2])));
    svg.append(...columns.elements(classOf));
  }

  lines(svg) {
    const half = this.inner / this.spec.count / 2;
    for (const { cls, values } of this.spec.lines) {
      let d = '', lone = '';
      values.forEach((v, i) => {
        if (v == null) return;
        const at = `${(this.x(i) + half).toFixed(1)} ${this.y(v).toFixed(1)}`;
        const before = values[i - 1] != null, after = values[i + 1] != null;
        d += (before ? 'L' : 'M') + at;
        if (!before && !after) lone += `M${at}h0`;
      });
      svg.append(h('path', { class: 'ln ' + cls, d }));
      if (lone) svg.append(h('path', { class: 'ln lone ' + cls, d: lone }));
    }
  }

  dots(svg) {
    const { points, refs } = this.spec.dots, by = new Map();
    for (const [, v] of refs) svg.append(h('line', { class: 'ref', x1: LEFT, x2: this.width, y1: this.y(v), y2: this.y(v) }));
    for (const p of points) {
      if (!by.has(p.cls)) by.set(p.cls, []);
      by.get(p.cls).push(dot(this.xOf(p.t), this.y(p.v)));
    }
    for (const [cls, d] of by) svg.append(h('path', { class: 'dots ' + cls, d: d.join('') }));
    const labels = []; // two that would touch share one place
    for (const [name, v] of refs) {
      const near = labels.find(l => Math.abs(l.y - this.y(v)) < 12);
      if (near) near.name += ', ' + name; else labels.push({ y: this.y(v), name });
    }
    for (const { y, name } of labels) svg.append(h('text', { class: 'axis halo', x: this.width, y: y - 4, 'text-anchor': 'end' }, name));
  }

  // ---- the pointer ----

  point(event) {
    const box = this.el.getBoundingClientRect();
    this.pointer = { x: event.clientX - box.left, y: event.clientY - box.top };
    this.show();
  }

  show() {
    if (!this.spec || !this.band) return;
    const { dots } = this.spec;
    if (dots) return this.showDot(dots);
    const i = Math.floor((this.pointer.x - LEFT) / this.inner * this.spec.count);
    const content = i >= 0 && i < this.spec.count && this.spec.tip(i);
    if (!content) return this.leave(false);
    this.band.setAttribute('x', this.x(i));
    this.band.setAttribute('width', this.inner / this.spec.count);
    this.tip.show(this.x(i + .5), this.width, content);
  }

  showDot({ points, tip }) {
    let best = NEAR ** 2;
    this.near = null;
    for (const p of points) {
      const distance = (this.xOf(p.t) - this.pointer.x) ** 2 + (this.y(p.v) - this.pointer.y) ** 2;
      if (distance < best) { best = distance; this.near = p; }
    }
    this.el.classList.toggle('picks', !!this.near);
    this.ring.setAttribute('d', this.near ? dot(this.xOf(this.near.t), this.y(this.near.v)) : '');
    if (this.near) this.tip.show(this.xOf(this.near.t), this.width, tip(this.near));
    else this.tip.hide();
  }

  leave(gone = true) {
    if (gone) this.pointer = null;
    this.near = null;
    this.tip.hide();
    this.band?.setAttribute('width', 0);
    this.ring?.setAttribute('d', '');
  }
}
