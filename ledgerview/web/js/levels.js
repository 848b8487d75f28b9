// The five levels of the server, in order, and how they are written.
import { h } from './dom.js';

export const LEVELS = ['debug', 'info', 'warning', 'error', 'critical'];
export const WORST_FIRST = [...LEVELS].reverse();
export const LABEL = { debug: 'DEBUG', info: 'INFO', warning: 'WARN', error: 'ERROR', critical: 'CRIT' };
export const NAME = { debug: 'Debug', info: 'Info', warning: 'Warn', error: 'Error', critical: 'Crit' };

// What a query may call them.
export const ALIAS = { warn: 'warning', err: 'error', crit: 'critical', fatal: 'critical' };

export const rank = level => Math.max(0, LEVELS.indexOf(level));
export const known = level => (LEVELS.includes(level) ? level : 'info');
export const levelTag = level => h('span', { class: 'lv lv-' + known(level) }, LABEL[level] || String(level).slice(0, 5).toUpperCase());
