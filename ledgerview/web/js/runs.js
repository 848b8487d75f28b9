// The runs of the services: a number that counts up each time a process began anew.
import { api } from './api.js';
import { Ask } from './ask.js';
import { timeOf } from './format.js';

const listeners = [];

export const runs = {
  list: [], // oldest first
  onChange: listener => listeners.push(listener),
  // restarts are all runs but the first of each service: where the histogram draws a line.
  restarts() {
    const seen = new Set();
    return this.list.filter(run => {
      const again = seen.has(run.service);
      seen.add(run.service);
      return again;
    });
  },
};

export const asking = new Ask(async signal => {
  const answer = await api.runs({}, signal);
  runs.list = answer.runs.map(run => ({ ...run, t: timeOf(run.first_seen) })).reverse();
  for (const listener of listeners) listener();
}, { every: 2000 });
