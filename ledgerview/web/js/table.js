// A table of which only the rows on screen are in the document: headers sort, the first cell holds the button of a row.
import { fill, h, icon } from './dom.js';
import { state, go } from './address.js';
import { VirtualRows } from './virtual.js';

export class Table {
  // columns: { key, label, cls, col, sort(row) }; a column without sort has no button. desc: the first click sorts down.
  constructor({ cls, label, columns, keyOf, row, update, height, fallback, onOpen }) {
    Object.assign(this, { columns, keyOf, fallback, onOpen, cursor: null, list: [] });
    this.head = h('thead');
    this.body = h('tbody');
    this.table = h('table', { class: cls, 'aria-label': label }, h('colgroup', {}, columns.map(c => h('col', { class: c.col || null }))), this.head, this.body);
    this.el = h('div', { class: 'scroll', tabindex: -1 }, this.table);
    this.rows = new VirtualRows({
      scroller: this.el, body: this.body, height, keyOf, above: () => this.head.offsetHeight, row,
      update: (el, item, i) => { el.setAttribute('aria-rowindex', i + 2); update(el, item); },
    });
    this.body.addEventListener('click', event => {
      if (event.target.closest('a')) return;
      const el = event.target.closest('tr[data-key]'), item = el && this.list.find(x => keyOf(x) === el.dataset.key);
      if (item) { this.cursor = keyOf(item); onOpen(item); }
    });
    this.headed = '';
  }

  set(list) {
    const column = this.columns.find(c => c.sort && c.key === state.sort) || this.columns.find(c => c.key === this.fallback);
    const sign = column.desc ? -1 : 1;
    // While the pointer is over the rows, they keep their places: what one is about to click must not move.
    const held = this.headed === column.key && this.body.matches(':hover') ? new Map(this.list.map((x, i) => [this.keyOf(x), i])) : null;
    this.list = [...list].sort((a, b) => {
      const [x, y] = held ? [held.get(this.keyOf(a)) ?? Infinity, held.get(this.keyOf(b)) ?? Infinity] : [column.sort(a), column.sort(b)];
      const way = held ? 1 : sign;
      return x < y ? -way : x > y ? way : this.keyOf(a) < this.keyOf(b) ? -1 : 1;
    });
    this.table.setAttribute('aria-rowcount', this.list.length + 1);
    this.heads(column);
    this.rows.set(this.list);
  }

  heads(sorted) {
    if (this.headed === sorted.key) return;
    const focus = document.activeElement?.closest('th')?.dataset.key;
    this.headed = sorted.key;
    fill(this.head, h('tr', {}, this.columns.map(c => h('th', { class: c.cls, scope: 'col', 'data-key': c.key, 'aria-sort': c === sorted ? (c.desc ? 'descending' : 'ascending') : null },
      c.sort ? h('button', { type: 'button', onclick: () => go({ sort: c.key }, true) }, c.label, icon(c.desc ? 'down' : 'up')) : c.label))));
    if (focus) this.head.querySelector(`[data-key="${focus}"] button`)?.focus();
  }

  move(step, selected) {
    if (!this.list.length) return;
    const focused = document.activeElement?.closest('tr[data-key]')?.dataset.key;
    const at = this.list.findIndex(x => this.keyOf(x) === (focused ?? this.cursor ?? selected));
    const i = Math.max(0, Math.min(this.list.length - 1, at < 0 ? (step > 0 ? 0 : this.list.length - 1) : at + step));
    this.focus(i);
  }

  focus(i) {
    this.cursor = this.keyOf(this.list[i]);
    this.rows.reveal(i);
    this.rows.element(this.cursor)?.querySelector('.main-button').focus({ preventScroll: true });
  }

  toStart() { if (this.list.length) this.focus(0); }
  toEnd() { if (this.list.length) this.focus(this.list.length - 1); }
}
