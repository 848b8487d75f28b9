// A list of rows of one height, of which only what is on screen is in the document. A row keeps its element while it
// is on screen: a click that spans a redraw, a selection of text and a screen reader's place survive.
const OVERSCAN = 8;

export class VirtualRows {
  // scroller scrolls; body holds the rows; above is what scrolls away over them, in px.
  // row(item, index) makes an element, update(element, item, index) refreshes one; keyOf(item) names it.
  constructor({ scroller, body, height, keyOf, row, update, above = () => 0 }) {
    Object.assign(this, { scroller, body, height, keyOf, row, update, above, items: [], rows: new Map() });
    if (body.tagName === 'TBODY') this.spacers = [spacer(), spacer()];
    scroller.addEventListener('scroll', () => this.draw());
    new ResizeObserver(() => this.draw()).observe(scroller);
  }

  set(items) {
    this.items = items;
    this.draw();
  }

  // clear makes every row anew at the next draw.
  clear() {
    for (const el of this.rows.values()) el.remove();
    this.rows.clear();
  }

  // draw shows the rows at the place the scroller is at, or will be at: then top says where that is, or beyond the end.
  draw(top = this.scroller.scrollTop) {
    const { scroller, items, rows } = this, height = this.height();
    const view = scroller.clientHeight;
    if (!view) return;
    const offset = Math.min(top, Math.max(0, items.length * height - view + this.above())) - this.above();
    const first = Math.max(0, Math.min(items.length, Math.floor(offset / height) - OVERSCAN));
    const last = Math.max(first, Math.min(items.length, Math.ceil((offset + view) / height) + OVERSCAN));
    const keep = new Map();
    for (let i = first; i < last; i++) keep.set(this.keyOf(items[i]), i);
    for (const [key, el] of rows) if (!keep.has(key)) { el.remove(); rows.delete(key); }
    let next = this.spacers ? this.spacers[0].nextSibling : this.body.firstChild;
    if (this.spacers && !this.spacers[0].parentNode) { this.body.replaceChildren(...this.spacers); next = this.spacers[1]; }
    for (const [key, i] of keep) {
      let el = rows.get(key);
      if (!el) rows.set(key, (el = this.row(items[i], i)));
      this.update?.(el, items[i], i);
      if (el === next) next = el.nextSibling;
      else this.body.insertBefore(el, next);
    }
    this.pad(first * height, (items.length - last) * height);
  }

  pad(top, bottom) {
    if (!this.spacers) {
      this.body.style.paddingTop = top + 'px';
      this.body.style.paddingBottom = bottom + 'px';
      return;
    }
    for (const [el, px] of [[this.spacers[0], top], [this.spacers[1], bottom]]) {
      el.hidden = !px;
      el.style.height = px + 'px';
    }
  }

  // reveal scrolls as little as needed, so that a row and one beside it are in view.
  reveal(index, centre = false) {
    const { scroller } = this, height = this.height(), y = index * height + this.above(), view = scroller.clientHeight;
    const sticky = this.spacers ? this.above() : 0;
    if (y >= scroller.scrollTop + sticky && y + height <= scroller.scrollTop + view && centre) return;
    if (centre) scroller.scrollTop = y - view / 2;
    else if (y < scroller.scrollTop + height + sticky) scroller.scrollTop = y - height - sticky;
    else if (y + 2 * height > scroller.scrollTop + view) scroller.scrollTop = y + 2 * height - view;
    this.draw();
  }

  element(key) { return this.rows.get(key); }
}

// position tells a screen reader where a row stands in the whole list, of which only a part is in the document.
export function position(el, size, place) {
  if (el.size !== size) el.setAttribute('aria-setsize', (el.size = size));
  if (el.place !== place) el.setAttribute('aria-posinset', (el.place = place));
}

function spacer() {
  const el = document.createElement('tr');
  el.className = 'spacer';
  el.setAttribute('aria-hidden', 'true');
  el.append(document.createElement('td'));
  return el;
}
