// The page: reads the address, shows the view it names, and passes on what arrives. See DESIGN.md for the rules.
import { $ } from './dom.js';
import { QueryFault, Refusal, Unreachable, scopeKey } from './api.js';
import { TABS, go, onAddress, readAddress, state, tabHref } from './address.js';
import * as errors from './errors.js';
import * as faults from './faults.js';
import { catchUp, feed, moveWindow, onFeed } from './feed.js';
import * as help from './help.js';
import * as keys from './keys.js';
import { check, link, onBeat, onReturn } from './link.js';
import * as live from './live.js';
import * as menus from './menus.js';
import { onStep } from './pane.js';
import * as panel from './panel.js';
import * as requests from './requests.js';
import { asking as askingRuns } from './runs.js';
import * as search from './search.js';
import * as status from './status.js';
import { tipsFor } from './svg.js';
import * as traces from './traces.js';
import * as transfer from './transfer.js';

const TICK = 1000;
const views = { live, errors, requests, traces };

function render() {
  if (state.theme === 'dark' || state.theme === 'light') document.documentElement.dataset.theme = state.theme;
  for (const tab of TABS) {
    const here = tab === state.tab, link = $(`[data-tab=${tab}]`);
    $('#v-' + tab).hidden = !here;
    link.setAttribute('href', tabHref(tab));
    if (here) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  document.title = `${state.tab[0].toUpperCase()}${state.tab.slice(1)} - ledgerview`;
  search.render();
  menus.render();
  panel.render();
  views[state.tab].render();
}

// ask asks anew for everything that depends on query, time and run. A fault in the query leaves the last result.
let asked = null;
async function ask() {
  asked = scopeKey();
  const key = asked;
  try {
    await live.scopeChanged();
    if (key !== asked) return;
    search.showFault(null);
    errors.scopeChanged();
    views[state.tab].render();
    if (state.tab !== 'live' && state.tab !== 'errors') views[state.tab].scopeChanged();
  } catch (e) {
    if (e.name === 'AbortError' || key !== asked) return;
    if (e instanceof QueryFault) search.showFault(e);
    else if (e instanceof Refusal) search.showFault({ message: e.message, at: 0 });
    else if (e instanceof Unreachable) { asked = null; check(); } else throw e;
  }
}

onAddress((now, before) => {
  render();
  if (scopeKey() !== asked) ask();
  else if (now.tab !== before.tab && now.tab !== 'live') views[now.tab].scopeChanged();
});

onFeed(({ arrived }) => {
  if (!arrived.length) return;
  errors.arrived(arrived);
  requests.arrived(arrived);
  traces.arrived(arrived);
});

let kept = 0, began = false;
onBeat(({ restarted }) => {
  status.render();
  const { stats } = link;
  if (!stats) return;
  // Another viewer answers, or all was forgotten: what is shown is not there any more.
  const emptied = stats.kept === 0 && kept > 0;
  if (restarted) feed.restarted = Date.now();
  if ((restarted || emptied || asked === null) && !link.lost) {
    if (restarted || emptied) askingRuns.now();
    if (began) ask();
  }
  if (stats.kept !== kept) askingRuns.soon();
  kept = stats.kept;
});

onReturn(() => {
  if (link.lost || !link.stats) return;
  catchUp(link.stats.last_id).catch(e => { if (e.name !== 'AbortError') check(); });
  if (state.tab !== 'live') views[state.tab].scopeChanged();
  live.quietRefresh();
});

function toggleTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  root.dataset.theme = dark ? 'light' : 'dark';
  try { localStorage.setItem('ledgerview.theme', root.dataset.theme); } catch { /* not stored, then */ }
  if (state.theme) go({ theme: root.dataset.theme }, true);
}

readAddress();
for (const part of [search, menus, panel, faults, status, help, transfer]) part.start();
keys.start(views);
tipsFor($('#main'));
onStep(step => views[state.tab].move(step));
errors.onChange(panel.groupsChanged);
$('#theme').addEventListener('click', toggleTheme);
render();
setInterval(() => {
  if (document.hidden) return;
  moveWindow();
  for (const view of Object.values(views)) view.tick?.();
}, TICK);
await check();
askingRuns.now();
began = true;
await ask();
