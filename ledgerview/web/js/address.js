// The address holds everything that is shown: #tab?q&run&from&to&id&group&route&trace&sort&theme.
// So back, forward and a pasted link work. from is negative for "the last n milliseconds".
export const TABS = ['live', 'errors', 'requests', 'traces'];
const FIELDS = ['q', 'run', 'from', 'to', 'id', 'group', 'route', 'trace', 'sort', 'theme'];
const NUMBERS = new Set(['run', 'from', 'to', 'id']);

export const state = {};
const listeners = [];
export const onAddress = listener => listeners.push(listener);

export function readAddress() {
  const hash = location.hash.slice(1), mark = hash.indexOf('?');
  const tab = mark < 0 ? hash : hash.slice(0, mark);
  const params = new URLSearchParams(mark < 0 ? '' : hash.slice(mark + 1));
  for (const field of Object.keys(state)) delete state[field];
  state.tab = TABS.includes(tab) ? tab : 'live';
  state.q = '';
  for (const field of FIELDS) {
    if (!params.has(field)) continue;
    const value = params.get(field);
    if (!NUMBERS.has(field)) state[field] = value;
    else if (Number.isFinite(Number(value)) && value !== '') state[field] = Number(value);
  }
}

// href is the address with some fields changed; null takes one out.
export function href(change) {
  const next = { ...state, ...change }, params = new URLSearchParams();
  for (const field of FIELDS) if (next[field] != null && next[field] !== '') params.set(field, next[field]);
  const rest = params.toString().replace(/%3A/g, ':').replace(/%2C/g, ',').replace(/%2F/g, '/');
  return '#' + next.tab + (rest ? '?' + rest : '');
}

// What a change of tab takes out: all that belongs to the tab one leaves.
export const tabHref = tab => href({ tab, id: null, group: null, trace: null, route: null, sort: null });

// go pushes an entry, so that back undoes it; typing, sorting and moving replace the one that is there.
export function go(change, replace = false) {
  const address = href(change);
  if (address === location.hash) return;
  history[replace ? 'replaceState' : 'pushState'](null, '', address);
  changed();
}

function changed() {
  const before = { ...state };
  readAddress();
  for (const listener of listeners) listener(state, before);
}
addEventListener('popstate', changed);
addEventListener('hashchange', changed);
