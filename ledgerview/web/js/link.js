// The connection to the viewer. One heartbeat, GET /api/stats each second, is the only judge of whether it is there:
// whoever fails to reach it calls check(), and waits for restored().
import { api, Unreachable } from './api.js';

// config is what never changes while a viewer runs: where it listens, its key.
export const link = { stats: null, config: null, lost: false, retryAt: 0 };

const BEAT = 1000, FIRST_RETRY = 1000, LAST_RETRY = 8000;
const listeners = [];
// onBeat is called after each heartbeat and each failed one; restarted says that another viewer answers now.
export const onBeat = listener => listeners.push(listener);

const returns = [];
// onReturn is called when the page is seen again, after a heartbeat.
export const onReturn = listener => returns.push(listener);

let timer, delay = FIRST_RETRY, waiting = [], beating = false, doubt = true;

// check asks now. Whoever lost a connection passes cut: then the config says whether the same viewer answers.
export async function check({ cut = false } = {}) {
  doubt ||= cut;
  if (beating) return;
  beating = true;
  clearTimeout(timer);
  let restarted = false;
  try {
    const stats = await api.stats({}, AbortSignal.timeout(10e3));
    if (doubt) {
      const config = await api.config({});
      restarted = !!link.config && link.config.started !== config.started;
      link.config = config;
      doubt = false;
    }
    link.stats = stats;
    if (link.lost) { link.lost = false; wake(); }
    delay = FIRST_RETRY;
    timer = setTimeout(check, BEAT);
  } catch (e) {
    if (!(e instanceof Unreachable) && e.name !== 'AbortError' && e.name !== 'TimeoutError') console.error(e);
    delay = link.lost ? Math.min(delay * 2, LAST_RETRY) : FIRST_RETRY;
    link.lost = doubt = true;
    link.retryAt = Date.now() + delay;
    timer = setTimeout(check, delay);
  } finally {
    beating = false;
  }
  if (document.hidden) clearTimeout(timer);
  for (const listener of listeners) listener({ restarted });
}

function wake() {
  for (const resolve of waiting.splice(0)) resolve();
}

// restored resolves once the viewer answers.
export const restored = () => (link.lost ? new Promise(resolve => waiting.push(resolve)) : Promise.resolve());

// A page nobody sees asks nothing.
document.addEventListener('visibilitychange', async () => {
  if (document.hidden) return;
  await check();
  for (const listener of returns) listener();
});
