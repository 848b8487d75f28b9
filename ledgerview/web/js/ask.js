// Ask repeats a question to the viewer: at once when the scope changes, and now and then while records arrive.
// It waits longer after slow answers, so that a big memory is not searched all the time.
import { QueryFault, Refusal, Unreachable } from './api.js';
import { check } from './link.js';
import { busy } from './busy.js';

const SHARE = 8; // an answer that took 100 ms is asked for again after 800 ms at the earliest

export class Ask {
  // ask(signal) does the work; every is the least time between two answers in ms; failed(error) hears of refusals.
  constructor(ask, { every = 1000, failed = () => {} } = {}) {
    Object.assign(this, { ask, every, failed, ended: 0, took: 0, timer: null, abort: null });
  }

  // now asks at once; an older question that is still open is given up.
  // view, the element of the old result, pales meanwhile; none for a question that nobody waits for.
  async now(view = null) {
    clearTimeout(this.timer);
    this.timer = null;
    this.abort?.abort();
    const { signal } = (this.abort = new AbortController());
    const began = performance.now();
    try {
      await busy(this.ask(signal), view);
    } catch (e) {
      if (signal.aborted) return;
      if (e instanceof Unreachable) check();
      else if (e instanceof QueryFault || e instanceof Refusal) this.failed(e);
      else throw e;
    } finally {
      if (!signal.aborted) { this.ended = performance.now(); this.took = this.ended - began; this.abort = null; }
    }
  }

  // soon asks when it is time, unless that is planned already or a question is open.
  soon() {
    if (this.timer || this.abort) return;
    const next = this.ended + Math.max(this.every, this.took * SHARE);
    this.timer = setTimeout(() => { this.timer = null; if (!document.hidden) this.now(); }, Math.max(60, next - performance.now()));
  }

  stop() {
    clearTimeout(this.timer);
    this.timer = null;
    this.abort?.abort();
    this.abort = null;
  }
}
