// A slow answer: up to 150 ms nothing changes; then a line runs under the search, and the old result pales.
import { $, h } from './dom.js';

const PATIENCE = 150;
const waiting = new Map(); // view → number of answers it waits for, once they are slow
let line = null;

// busy passes a promise on. view is the element that shows the old result; null for a question nobody waits for.
export async function busy(promise, view) {
  if (!view) return promise;
  let slow = false;
  const timer = setTimeout(() => { slow = true; count(view, 1); }, PATIENCE);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    if (slow) count(view, -1);
  }
}

function count(view, change) {
  const n = (waiting.get(view) || 0) + change;
  if (n) waiting.set(view, n); else waiting.delete(view);
  view.classList.toggle('stale', n > 0);
  if (waiting.size && !line) $('#main').append((line = h('div', { class: 'progress', role: 'progressbar', 'aria-label': 'Searching' })));
  else if (!waiting.size) { line?.remove(); line = null; }
}
