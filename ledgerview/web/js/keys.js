// The keyboard. Keys work anywhere but in fields and dialogs; arrows, Enter and paging only where no control has them.
import { $ } from './dom.js';
import { TABS, go, state, tabHref } from './address.js';
import * as help from './help.js';
import * as live from './live.js';
import { close } from './pane.js';
import * as panel from './panel.js';
import * as search from './search.js';

const CHORD_MS = 900;
const TAB_KEYS = { l: 'live', e: 'errors', r: 'requests', t: 'traces' };
let chordAt = 0;

export function start(views) {
  addEventListener('keydown', event => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.target.closest('input, select, textarea, dialog, [popover]')) return;
    if (press(event.key, event, views[state.tab])) event.preventDefault();
  });
}

function press(key, event, view) {
  const free = !event.target.closest('button, a, summary, .panel, [role=separator]');
  if (Date.now() - chordAt < CHORD_MS && TAB_KEYS[key]) {
    chordAt = 0;
    toTab(TAB_KEYS[key]);
    return true;
  }
  chordAt = key === 'g' ? Date.now() : 0;
  switch (key) {
    case 'g': return true;
    case '/': search.focus(); return true;
    case '?': help.show(); return true;
    case 't': $('#theme').click(); return true;
    case 'f': if (state.tab === 'live') live.toggleFollow(); return true;
    case 'Escape': escape(view); return true;
    case 'j': view.move(1); return true;
    case 'k': view.move(-1); return true;
  }
  if (!free && !event.target.closest('.main-button, .trace')) return false;
  switch (key) {
    case 'ArrowDown': view.move(1); return true;
    case 'ArrowUp': view.move(-1); return true;
    case 'Home': view.toStart?.(); return !!view.toStart;
    case 'End': view.toEnd?.(); return !!view.toEnd;
    case 'PageDown': view.page?.(1); return !!view.page;
    case 'PageUp': view.page?.(-1); return !!view.page;
    case 'Enter': if (free && view.open) view.open(); return free && !!view.open;
  }
  return false;
}

function escape(view) {
  if (panel.isOpen()) close();
  else if (state.route || state.trace) go({ route: null, trace: null });
  else view.clearCursor?.();
}

function toTab(tab) {
  if (!TABS.includes(tab)) return;
  location.hash = tabHref(tab);
  $(`[data-tab=${tab}]`).focus({ preventScroll: true });
}
