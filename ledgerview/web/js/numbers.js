// Numbers as they were written. JavaScript would make 9007199254740992 of the id 9007199254740993, and 1 of 1.0;
// but a reader wants to see, copy and look for what was sent.
class Written extends Number {
  #text;
  constructor(text) { super(text); this.#text = text; }
  toString() { return this.#text; }
  toJSON() { return JSON.rawJSON(this.#text); }
}

// What is in a text with numbers that JavaScript may write in another way: many digits, an exponent, a zero at the end.
// To look for it first takes as long as to parse the text; to look at each value takes ten times as long.
const UNUSUAL = /[[:,](?:-?\d[\d.]{15}|-?\d[\d.]*[eE]|-?\d+\.\d*0[,\]}]|-?0\.0{6}|-0[,\]}])/;

// parse reads JSON. A number that JavaScript would write in another way keeps its text, and counts as a number all the same.
// A browser that does not tell the text of a number (Firefox and Safari before 2025) rounds.
export function parse(text) {
  if (!JSON.rawJSON || !UNUSUAL.test(text)) return JSON.parse(text);
  return JSON.parse(text, (key, value, context) => (typeof value === 'number' && String(value) !== context.source ? new Written(context.source) : value));
}

// plain is a number that JavaScript has for such a one; what is none stays as it is.
export const plain = value => (value instanceof Written ? value.valueOf() : value);

// isObject tells arrays and objects from single values.
export const isObject = value => value !== null && typeof value === 'object' && !(value instanceof Written);
