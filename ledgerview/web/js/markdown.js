// A group of errors as Markdown, to paste into a ticket.
import { timeOf } from './format.js';

const code = text => { const ticks = '`'.repeat(Math.max(0, ...(String(text).match(/`+/g) || []).map(t => t.length)) + 1); return `${ticks}${text}${ticks}`; };

export function markdown(group, error) {
  const out = [`### ${code(error.type)}`, '', fence(error.message), '',
    `${group.count} times, last at ${new Date(timeOf(group.last_seen)).toISOString()}, in ${group.services.join(', ') || 'a service without a name'}`
      + (group.releases?.length ? ` (${group.releases.join(', ')})` : ''), ''];
  if (error.frames?.some(f => f.own)) out.push(...frames(error, ''), '');
  for (const cause of error.causes || []) walk(cause, 0, out);
  out.push('', `Fingerprint ${code(group.fingerprint)}`);
  return out.join('\n') + '\n';
}

function fence(text) {
  const ticks = '`'.repeat(Math.max(2, ...(String(text).match(/`+/g) || []).map(t => t.length)) + 1);
  return `${ticks}\n${text}\n${ticks}`;
}

const frames = (error, indent) => error.frames.filter(f => f.own).map(f => `${indent}    ${f.func}  ${f.file}:${f.line}`);

function walk(error, depth, out) {
  const indent = '  '.repeat(depth);
  out.push(`${indent}- caused by ${code(error.type)}: ${String(error.message).replace(/\s*\n\s*/g, ' ')}`);
  if (error.frames?.some(f => f.own)) out.push('', ...frames(error, indent + '  '), '');
  for (const cause of error.causes || []) walk(cause, depth + 1, out);
}
