// Records in and out: export of what is filtered, import of NDJSON by a button or by dropping a file, and forgetting all.
import { $, fill, h, toast } from './dom.js';
import { api, scope, url } from './api.js';
import { num, plural } from './format.js';
import { link } from './link.js';

// The viewer streams the export; the browser writes it to disk as it comes.
export function exportRecords() {
  h('a', { href: url('export', scope()), download: 'ledgerview.ndjson' }).click();
}

export function chooseFile() {
  const input = h('input', { type: 'file', accept: '.ndjson,.jsonl,.json,.log,.txt' });
  input.addEventListener('change', () => { if (input.files[0]) importFile(input.files[0]); });
  input.click();
}

async function importFile(file) {
  toast(`Reading ${file.name}`);
  try {
    const answer = await api.importFile(file);
    toast(`${plural(answer.imported, 'record')} from ${file.name}${answer.known ? `, ${num(answer.known)} were here already` : ''}`);
  } catch (e) {
    toast(`${file.name}: ${e.message}`);
  }
}

function menu(asked = false) {
  const item = (label, hint, onclick) => h('li', {}, h('button', { type: 'button', onclick }, h('span', {}, label), hint && h('span', { class: 'dim' }, hint)));
  const kept = link.stats?.kept ?? 0;
  const close = act => () => { $('#more').hidePopover(); act(); };
  fill($('#more'), h('ul', {},
    item('Export', 'what is filtered, NDJSON', close(exportRecords)),
    item('Import', 'an NDJSON file', close(chooseFile)),
    asked
      ? item(`Yes, forget ${num(kept)} records`, 'cannot be undone', close(() => api.forget().then(() => toast('All records are forgotten'), e => toast(e.message))))
      : item('Forget all', null, () => { menu(true); $('#more li:last-child button').focus(); })));
}

export function start() {
  $('#export').addEventListener('click', exportRecords);
  $('#more').addEventListener('beforetoggle', event => { if (event.newState === 'open') menu(); });
  $('#more').addEventListener('toggle', event => $('#more-button').setAttribute('aria-expanded', String(event.newState === 'open')));
  addEventListener('dragover', event => { if (event.dataTransfer?.types.includes('Files')) event.preventDefault(); });
  addEventListener('drop', event => {
    const file = event.dataTransfer?.files[0];
    if (!file) return;
    event.preventDefault();
    importFile(file);
  });
}
