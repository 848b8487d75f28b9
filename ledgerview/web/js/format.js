// Numbers, times and texts as the page writes them. Times are milliseconds since 1970, with fractions.
const pad = (n, width = 2) => String(n).padStart(width, '0');

// Milliseconds of an RFC 3339 text; the microseconds, which Date drops, are kept as a fraction.
export function timeOf(text) {
  const ms = Date.parse(text);
  const fraction = /\.\d{3}(\d{1,6})/.exec(text);
  return fraction ? ms + Number('0.' + fraction[1]) : ms;
}

export function clock(t, withMs = true) {
  const d = new Date(t);
  if (Number.isNaN(d.getTime())) return '--:--:--';
  return `${pad(d.getHours())}:${pad(d.getMinutes())}:${pad(d.getSeconds())}${withMs ? '.' + pad(d.getMilliseconds(), 3) : ''}`;
}

export const hourMinute = t => clock(t, false).slice(0, 5);

export function day(t) {
  const d = new Date(t);
  return `${d.getFullYear()}-${pad(d.getMonth() + 1)}-${pad(d.getDate())}`;
}

// The clock, and the day before it when that is another than today.
export const moment = (t, withMs) => (day(t) === day(Date.now()) ? '' : day(t) + ' ') + clock(t, withMs);

export const num = n => Math.round(n).toString().replace(/\B(?=(\d{3})+$)/g, '\u2009');

export const plural = (n, one, many = one + 's') => `${num(n)} ${n === 1 ? one : many}`;

// A latency: the number and its unit.
export function ms(x) {
  if (x == null || Number.isNaN(x)) return ['–', ''];
  if (x >= 999.5) return [(x / 1000).toFixed(x >= 9995 ? 1 : 2), 's'];
  return [x.toFixed(x >= 9.95 ? 0 : x >= .995 ? 1 : 2), 'ms'];
}
export const msText = x => ms(x).filter(Boolean).join('\u202f');

// On an axis: without zeros that say nothing.
export const msTick = x => { const [value, unit] = ms(x); return `${Number(value)}\u202f${unit}`; };

// A length of time in words.
export function duration(t) {
  if (t < 1000) return Math.round(t) + ' ms';
  if (t < 60e3) return +(t / 1000).toFixed(t < 10e3 ? 1 : 0) + ' s';
  if (t < 3600e3) return Math.floor(t / 60e3) + ' min' + (t % 60e3 >= 1000 ? ' ' + Math.round(t % 60e3 / 1000) + ' s' : '');
  if (t < 86400e3) return Math.floor(t / 3600e3) + ' h' + (t % 3600e3 >= 60e3 ? ' ' + Math.round(t % 3600e3 / 60e3) + ' min' : '');
  return plural(t / 86400e3, 'day');
}

export function ago(t, now = Date.now()) {
  const s = Math.max(0, (now - t) / 1000);
  if (s < 60) return Math.floor(s) + ' s ago';
  if (s < 3600) return Math.floor(s / 60) + ' min ago';
  if (s < 86400) return Math.floor(s / 3600) + ' h ago';
  return Math.floor(s / 86400) + ' d ago';
}

export function bytes(n) {
  if (n < 1024) return n + ' B';
  if (n < 1 << 20) return (n / 1024).toFixed(n < 10240 ? 1 : 0) + ' KiB';
  if (n < 1 << 30) return (n / (1 << 20)).toFixed(n < 10 << 20 ? 1 : 0) + ' MiB';
  return (n / (1 << 30)).toFixed(1) + ' GiB';
}

// Control and bidi characters show as what they are; lines says whether line breaks stay.
const ODD = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
export function clean(text, lines = false) {
  return String(text).replace(ODD, c => {
    if (c === '\n') return lines ? '\n' : ' ⏎ ';
    if (c === '\t') return lines ? '\t' : ' ';
    return '\\u' + c.charCodeAt(0).toString(16).padStart(4, '0');
  });
}

export const clip = (text, length) => (text.length > length ? text.slice(0, length) + '…' : text);
