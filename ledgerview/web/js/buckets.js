// Buckets of a round step that begin at a multiple of it, so that bars do not swim while time goes on.
import { api } from './api.js';
import { timeOf } from './format.js';

const MINUTE = 60e3, HOUR = 3600e3, DAY = 86400e3, NOW_WITHIN = MINUTE;
const STEPS = [50, 100, 250, 500, 1e3, 2e3, 5e3, 10e3, 15e3, 30e3, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE,
  HOUR, 2 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 7 * DAY, 30 * DAY, 365 * DAY, 3650 * DAY];

// align widens [from, to) to whole steps, at most `most` of them: { from, step, count }. Hours and days are local.
export function align(from, to, most) {
  const zone = new Date(to).getTimezoneOffset() * MINUTE;
  for (const step of STEPS) {
    const shift = step >= HOUR ? zone : 0, start = Math.floor((from - shift) / step) * step + shift;
    const count = Math.max(1, Math.ceil((to - start) / step));
    if (count <= most || step === STEPS.at(-1)) return { from: start, step, count: Math.min(count, most) };
  }
}

// bucketsOf plans the buckets of a question: of its own window, or of all records kept, up to now while they arrive.
export async function bucketsOf(params, most, signal) {
  let { from, to } = params;
  if (from == null || to == null) {
    const all = await api.histogram({ buckets: 1 }, signal), now = Date.now();
    const newest = timeOf(all.to), live = from != null ? true : newest > now - NOW_WITHIN && newest <= now;
    const none = !all.buckets.length; // nothing kept
    from ??= none ? now - MINUTE : timeOf(all.from);
    to ??= live || none ? now : newest + 1;
  }
  if (!(to > from)) to = from + 1;
  const plan = align(from, to, most);
  return { ...plan, params: { ...params, from: plan.from, to: plan.from + plan.count * plan.step, buckets: plan.count } };
}
