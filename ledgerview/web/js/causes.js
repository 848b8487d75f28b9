// The tree of causes of an error. Frames of the program itself show the lines around them and open the editor;
// those of libraries fold to one line.
import { h, icon } from './dom.js';
import { api } from './api.js';
import { clean, plural } from './format.js';

const MOST_CAUSES = 50, MOST_FRAMES = 100, MOST_SOURCES = 24;

// causes shows an error and what caused it. alone: nothing around it says the message already.
export function causes(error, { alone = false } = {}) {
  const budget = { causes: MOST_CAUSES, sources: MOST_SOURCES };
  return cause(error, { depth: 0, by: null, alone, budget });
}

function cause(error, { depth, by, alone, budget }) {
  if (budget.causes-- <= 0) return h('p', { class: 'dim' }, 'More causes: see Raw.');
  const inner = error.causes || [], frames = framesOf(error, budget);
  return h('div', { class: 'cause' },
    h('div', { class: 'head' }, by && h('span', { class: 'by' }, by), h('span', { class: 'etype' }, clean(error.type || 'error'))),
    (depth > 0 || alone) && h('p', { class: 'emsg' }, clean(depth ? added(error) : error.message, true)),
    frames.length ? h('div', { class: 'frames' }, frames) : stackText(error, depth),
    inner.length > 0 && h('div', { class: 'causes' }, inner.map((c, i) =>
      cause(c, { depth: depth + 1, by: inner.length > 1 ? `joined ${i + 1} of ${inner.length}` : 'caused by', alone, budget }))));
}

// A wrapper repeats the message of its cause: only what it adds is shown.
function added(error) {
  const inner = error.causes?.length === 1 && error.causes[0].message;
  const wraps = inner && /^\*?(fmt|errors)\./.test(error.type) && error.message !== inner && error.message.endsWith(inner);
  return wraps ? error.message.slice(0, -inner.length) + '…' : error.message || '';
}

// A stack that could not be read as frames shows as it came.
function stackText(error, depth) {
  if (depth || !error.stack) return null;
  return h('details', { class: 'stack-text' }, h('summary', {}, icon('right', 'turn'), 'Stack, as it was sent'), h('pre', { class: 'raw', tabindex: 0, role: 'region', 'aria-label': 'Stack' }, clean(error.stack, true)));
}

function framesOf(error, budget) {
  const out = [];
  let libraries = [];
  const flush = () => {
    if (libraries.length === 1) out.push(plainFrame(libraries[0]));
    else if (libraries.length) out.push(foldedFrames(libraries));
    libraries = [];
  };
  for (const frame of (error.frames || []).slice(0, MOST_FRAMES)) {
    if (!frame.own) { libraries.push(frame); continue; }
    flush();
    out.push(ownFrame(frame, budget));
  }
  flush();
  return out;
}

const place = frame => `${clean(frame.file)}:${frame.line}`;
const packageOf = frame => /^(?:.*\/)?([^./]+)/.exec(frame.func)?.[1] || frame.func;
const functionName = frame => clean(frame.func).replace(/^.*\//, '');

const at = frame => h('span', { class: 'at', title: place(frame) }, h('bdi', {}, place(frame)));
const name = frame => h('span', { class: 'fn', title: clean(frame.func) }, functionName(frame));
const room = () => h('span', { class: 'nobtn' });

function plainFrame(frame) {
  return h('div', { class: 'frame ' + (frame.own ? 'own' : 'lib') }, h('div', { class: 'plain' }, h('span', { class: 'pad' }), name(frame), at(frame), room()));
}

function foldedFrames(frames) {
  const packages = [...new Set(frames.map(packageOf))].join(', ');
  return h('details', { class: 'frame lib' },
    h('summary', {}, icon('right', 'turn'), h('span', { class: 'fn dim' }, plural(frames.length, 'library frame')), h('span', { class: 'at' }, h('bdi', {}, clean(packages))), room()),
    frames.map(plainFrame));
}

// ownFrame begins plain; lines and the link to the editor come with the answer of the viewer. The first one is open.
function ownFrame(frame, budget) {
  const el = plainFrame(frame), first = budget.sources === MOST_SOURCES;
  if (budget.sources-- > 0) sourceOf(frame).then(source => {
    if (!source) return;
    if (source.lines?.length) el.replaceChildren(withSource(frame, source, first));
    const link = editorLink(frame, source.editor);
    if (link) el.append(link);
  });
  return el;
}

function withSource(frame, source, open) {
  const lines = dedent(source.lines);
  return h('details', { open },
    h('summary', {}, icon('right', 'turn'), name(frame), at(frame), room()),
    h('div', { class: 'src', tabindex: 0, role: 'region', 'aria-label': `Source of ${place(frame)}` },
      lines.map((line, i) => h('div', { class: source.first + i === frame.line ? 'here' : null }, h('span', {}, String(source.first + i)), h('span', {}, line || ' ')))));
}

// What an editor's link may begin with; a viewer behind a proxy must not make the page run a script.
function editorLink(frame, link) {
  let scheme;
  try { scheme = new URL(link).protocol; } catch { return null; }
  if (['javascript:', 'data:', 'blob:', 'http:', 'https:'].includes(scheme)) return null;
  return h('a', { class: 'btn quiet square', href: link, 'aria-label': `Open ${place(frame)} in the editor`, title: 'Open in the editor' }, icon('out'));
}

function dedent(lines) {
  const filled = lines.filter(line => line.trim());
  const least = filled.length ? Math.min(...filled.map(line => /^\t*/.exec(line)[0].length)) : 0;
  return lines.map(line => clean(line.slice(least), true));
}

const sources = new Map();
function sourceOf({ file, line }) {
  const key = `${file}:${line}`;
  if (!sources.has(key)) sources.set(key, api.source({ file, line, context: 4 }).catch(() => { sources.delete(key); return null; }));
  return sources.get(key);
}
