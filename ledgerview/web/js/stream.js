// What arrives: server-sent events, read by fetch, so that a stream can begin at an id and say why it ended.
//
// A browser opens six connections to a host, for all tabs together. So a page holds a stream only while it has one of
// three locks that the tabs share; a page without one asks once a second. A hidden page does neither, and catches up.
import { api, faultOf, url, Unreachable } from './api.js';
import { link, check, restored } from './link.js';
import { parse } from './numbers.js';

const SLOTS = 3, POLL = 1000, POLLS_BEFORE_RETRY = 5, POLL_LIMIT = 1000, BUSY_MS = 20;

export class Stream {
  // handlers: records(list, lastID), missed(count, lastID)
  constructor(handlers) { this.handlers = handlers; }

  open(params, after) {
    this.close();
    this.params = params;
    this.after = after;
    this.abort = new AbortController();
    this.run(this.abort.signal);
  }

  close() { this.abort?.abort(); }

  async run(signal) {
    while (!signal.aborted) {
      await visible(signal);
      try {
        await withSlot(signal, slot => (slot ? this.listen(signal) : this.poll(signal)));
      } catch (e) {
        if (signal.aborted) return;
        if (!(e instanceof Unreachable)) return console.error(e); // a fault in the query: the view shows it
        await check({ cut: true });
        if (link.lost) await restored();
        else await wait(POLL, signal); // the viewer is there, the stream was cut
      }
    }
  }

  async listen(signal) {
    if (signal.aborted || document.hidden) return; // since it asked for a slot
    const done = new AbortController(), stop = () => done.abort();
    const hide = () => { if (document.hidden) stop(); };
    signal.addEventListener('abort', stop);
    document.addEventListener('visibilitychange', hide);
    try {
      const response = await fetch(url('stream', { ...this.params, brief: 1 }), {
        signal: done.signal, cache: 'no-store', headers: { Accept: 'text/event-stream', 'Last-Event-ID': String(this.after) },
      });
      if (!response.ok) throw await faultOf(response, this.params.q);
      for await (const event of events(response.body, done.signal)) this.take(event);
    } catch (e) {
      if (done.signal.aborted) return;
      throw e instanceof TypeError ? new Unreachable(e.message) : e;
    } finally {
      signal.removeEventListener('abort', stop);
      document.removeEventListener('visibilitychange', hide);
    }
    if (!done.signal.aborted) throw new Unreachable('the stream ended');
  }

  take({ type, id, data }) {
    if (id) this.after = Number(id);
    if (type === 'records') this.handlers.records(parse(data), this.after);
    else if (type === 'missed') this.handlers.missed(JSON.parse(data).count, this.after);
  }

  async poll(signal) {
    for (let i = 0; i < POLLS_BEFORE_RETRY && !signal.aborted && !document.hidden; i++) {
      const answer = await api.records({ ...this.params, brief: 1, after: this.after, limit: POLL_LIMIT }, signal);
      const newest = answer.more ? answer.records.at(-1).id : Math.max(this.after, answer.records.at(-1)?.id ?? 0);
      this.after = newest;
      this.handlers.records(answer.records, newest);
      if (!answer.more) await wait(POLL, signal);
    }
  }
}

// events reads a body of server-sent events. It yields to the page when events come in a burst.
async function* events(body, signal) {
  const reader = body.getReader(), decoder = new TextDecoder();
  let text = '', began = performance.now();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      text += decoder.decode(value, { stream: true });
      let end;
      while ((end = text.indexOf('\n\n')) >= 0) {
        const event = { type: 'message', id: '', data: '' };
        for (const line of text.slice(0, end).split('\n')) {
          const colon = line.indexOf(':');
          if (colon < 1) continue;
          const value = line.slice(colon + 1).replace(/^ /, '');
          if (line.startsWith('event')) event.type = value;
          else if (line.startsWith('id')) event.id = value;
          else if (line.startsWith('data')) event.data += value;
        }
        text = text.slice(end + 2);
        yield event;
        if (performance.now() - began > BUSY_MS) { await wait(0, signal); began = performance.now(); }
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

const wait = (ms, signal) => new Promise(resolve => {
  const timer = setTimeout(resolve, ms);
  signal?.addEventListener('abort', () => { clearTimeout(timer); resolve(); }, { once: true });
});

const visible = signal => new Promise(resolve => {
  if (!document.hidden) return resolve();
  const look = () => { if (!document.hidden || signal.aborted) { document.removeEventListener('visibilitychange', look); resolve(); } };
  document.addEventListener('visibilitychange', look);
  signal.addEventListener('abort', look);
});

// withSlot calls work(true) while it holds one of the locks, or work(false) when all are taken.
async function withSlot(signal, work) {
  if (!navigator.locks) return work(true); // not a secure context: a viewer on another machine
  for (let i = 0; i < SLOTS && !signal.aborted; i++) {
    const had = await navigator.locks.request(`ledgerview-stream-${i}`, { ifAvailable: true }, async lock => {
      if (lock) await work(true);
      return !!lock;
    });
    if (had) return;
  }
  if (!signal.aborted) await work(false);
}
