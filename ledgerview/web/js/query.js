// The query language, as far as the page needs it: marking keys, adding and removing terms. The server evaluates it.
import { ALIAS, LEVELS } from './levels.js';

// tokens splits a query; it throws { at, end } at a quote that is not closed.
export function tokens(q) {
  const out = [];
  let i = 0;
  while (i < q.length) {
    if (/\s/.test(q[i])) { i++; continue; }
    const at = i;
    if (q[i] === '(' || q[i] === ')') { out.push({ kind: q[i], at, end: ++i }); continue; }
    if (q[i] === '-' && i + 1 < q.length && !/\s/.test(q[i + 1])) { out.push({ kind: '-', at, end: ++i }); continue; }
    let key = null, text = '', quoted = false;
    while (i < q.length && !/[\s()]/.test(q[i])) {
      if (q[i] === '"') {
        const open = i++;
        quoted = true;
        while (i < q.length && q[i] !== '"') {
          if (q[i] === '\\' && i + 1 < q.length) i++;
          text += q[i++];
        }
        if (i >= q.length) throw { at: open, end: q.length };
        i++;
      } else if (q[i] === ':' && key === null && !quoted && text) { key = text; text = ''; i++; } else text += q[i++];
    }
    if (!quoted && key === null && text === 'OR') out.push({ kind: 'OR', at, end: i });
    else out.push({ kind: key === null ? 'word' : 'term', key, text, quoted, at, end: i });
  }
  return out;
}

const read = q => { try { return tokens(q); } catch { return []; } };

// The key:value terms and the plain words of a query; none when it is faulty.
export const terms = q => read(q).filter(t => t.kind === 'term');
export const words = q => read(q).filter((t, i, all) => t.kind === 'word' && t.text.length > 1 && all[i - 1]?.kind !== '-').map(t => t.text);

export function quote(value) {
  const text = String(value);
  return /^[^\s()":*\\<>=-][^\s()":*\\]*$/.test(text) && text !== 'OR' ? text : '"' + text.replace(/["\\]/g, '\\$&') + '"';
}

// withTerm adds a term unless it is there. Around an OR it puts parentheses, since a term binds closer.
export function withTerm(q, term) {
  q = q.trim();
  if (` ${q} `.includes(` ${term} `)) return q;
  const alternatives = read(q).some(t => t.kind === 'OR');
  return `${alternatives ? `(${q})` : q} ${term}`.trim();
}

// withoutKey takes every term of one key out and leaves the rest as it was written.
export function withoutKey(q, key) {
  for (const t of terms(q).filter(t => t.key === key).reverse()) q = q.slice(0, t.at).replace(/-$/, '') + q.slice(t.end);
  return q.replace(/\s+/g, ' ').trim();
}

// levelOf reads the level term of a query: { level, above }, or null.
export function levelOf(q) {
  const term = terms(q).find(t => t.key === 'level');
  const parts = term && /^(>=)?(\w+)$/.exec(term.text.toLowerCase());
  if (!parts) return null;
  const level = ALIAS[parts[2]] || parts[2];
  return LEVELS.includes(level) ? { level, above: !!parts[1] } : null;
}

// errorsOnly says whether a query asks for a level or for errors: a list of errors needs no alarm.
export const errorsOnly = q => terms(q).some(t => t.key === 'level' || t.key === 'fingerprint' || t.key === 'type' || (t.key === 'has' && t.text === 'error'));

// Where the term at an index ends, for the wavy line under a fault.
export function endOfTerm(q, at) {
  if (q[at] === '"') return q.length;
  let end = at;
  while (end < q.length && !/[\s()]/.test(q[end])) end++;
  return Math.max(end, at + 1);
}
