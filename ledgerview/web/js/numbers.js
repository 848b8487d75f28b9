// Numbers as they were written. JavaScript would make 9007199254740992 of the id 9007199254740993, and 1 of 1.0;
// but a reader wants to see, copy and look for what was sent.
class Written extends Number {
  #text;
  constructor(text) { super(text); this.#text = text; }
  toString() { return this.#text; }
  toJSON() { return JSON.rawJSON(this.#text); }
}

// parse reads JSON. A number that JavaScript would write in another way keeps its text, and counts as a number all the same.
// A browser that does not tell the text of a number, as those before 2025, rounds.
export const parse = text => JSON.parse(text, JSON.rawJSON && ((key, value, context) =>
  (typeof value === 'number' && String(value) !== context.source ? new Written(context.source) : value)));

// isObject tells arrays and objects from single values.
export const isObject = value => value !== null && typeof value === 'object' && !(value instanceof Written);
