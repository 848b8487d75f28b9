// What all charts share: round steps, axes, bars drawn as one path a colour, and the tip that shows values on hover.
import { h } from './dom.js';
import { clock, day, hourMinute } from './format.js';

const SECOND = 1e3, MINUTE = 60e3, HOUR = 3600e3, DAY = 86400e3;
const AXIS_STEPS = [SECOND, 2e3, 5e3, 10e3, 15e3, 30e3, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE,
  HOUR, 2 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 7 * DAY, 30 * DAY, 365 * DAY];

// nice rounds up to a number that halves well.
export function nice(n) {
  if (n <= 4) return 4;
  const p = 10 ** Math.floor(Math.log10(n));
  return [1, 2, 4, 6, 8, 10].map(x => x * p).find(x => x >= n);
}

// timeAxis writes the labels of a time axis under a chart.
export function timeAxis(svg, from, to, { x, width, y }) {
  const step = AXIS_STEPS.find(s => (to - from) / s <= width / 88) || AXIS_STEPS.at(-1);
  const zone = step >= HOUR ? new Date(from).getTimezoneOffset() * MINUTE : 0;
  for (let t = Math.ceil((from - zone) / step) * step + zone; t <= to; t += step) {
    const at = x + (t - from) / (to - from) * width;
    if (at < x + 20 || at > x + width - 20) continue;
    const label = step >= DAY ? day(t) : step >= MINUTE ? hourMinute(t) : clock(t, false);
    svg.append(h('text', { class: 'axis', x: at.toFixed(1), y, 'text-anchor': 'middle' }, label));
  }
}

const px = v => Math.round(v * 10) / 10;
export const bar = (x, y, width, height) => `M${px(x)} ${px(y)}h${px(width)}v${px(height)}h${-px(width)}z`;
// A dot is a line of no length with a round end.
export const dot = (x, y) => `M${px(x)} ${px(y)}h0`;

// Columns collects stacked bars: one path for each key, however many bars there are.
export class Columns {
  constructor(keys) { this.paths = new Map(keys.map(key => [key, []])); }

  // stack draws one bar from the base up; least is the lowest height at which a part is still seen.
  stack(x, width, base, parts) {
    let y = base;
    for (const [key, height, least] of parts) {
      const tall = Math.max(least, height);
      y -= tall;
      this.paths.get(key).push(bar(x, y, width, tall));
    }
  }

  elements(classOf) {
    return [...this.paths].filter(([, d]) => d.length).map(([key, d]) => h('path', { class: classOf(key), d: d.join('') }));
  }
}

// Tip is the small box over a chart that says the values at the pointer.
export class Tip {
  constructor() {
    this.el = h('div', { class: 'tip', hidden: true });
  }

  show(x, width, ...content) {
    this.el.hidden = false;
    this.el.replaceChildren(...content.flat(Infinity).filter(Boolean));
    const half = this.el.offsetWidth / 2;
    this.el.style.left = Math.max(half, Math.min(width - half, x)) + 'px';
  }

  hide() { this.el.hidden = true; }
}

// tipsFor serves small charts in cells: one box for the page. A chart has the class has-tip and tipAt(x), x from 0 to 1.
export function tipsFor(root) {
  const box = h('div', { class: 'tip floating', hidden: true });
  document.body.append(box);
  let over = null;
  const hide = () => { over = null; box.hidden = true; };
  root.addEventListener('pointermove', event => {
    const el = event.target.closest?.('.has-tip');
    if (!el?.tipAt) return hide();
    const area = el.getBoundingClientRect();
    const text = el.tipAt(Math.max(0, Math.min(.9999, (event.clientX - area.left) / area.width)));
    if (!text) return hide();
    over = el;
    box.hidden = false;
    box.textContent = text;
    const half = box.offsetWidth / 2;
    box.style.left = Math.max(half + 4, Math.min(innerWidth - half - 4, event.clientX)) + 'px';
    box.style.top = Math.max(4, area.top - box.offsetHeight - 4) + 'px';
  });
  root.addEventListener('pointerleave', hide);
  root.addEventListener('scroll', () => { if (over) hide(); }, true);
}
