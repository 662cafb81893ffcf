import { GbaError } from '../base/index.ts';

/** A schema in the zod sense: `parse` returns the value or throws. */
export interface Schema<T> {
  parse(value: unknown): T;
}

const DEPTH_LIMIT = 32;

/**
 * JSON octets checked by `schema`. Refused with `json-invalid`: octets that are no UTF-8, a name that stands twice in one
 * object (two readers would take two values), deep nesting, half a surrogate pair (RFC 7493 2.1), a byte order mark, and what
 * the schema does not take.
 */
export function parseJson<T>(body: Uint8Array, schema: Schema<T>): T {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
    const value: unknown = JSON.parse(text);
    checkNames(text);
    if (ESCAPED_SURROGATE.test(text)) checkPairs(value);
    return schema.parse(value);
  } catch (cause) {
    throw new GbaError('json-invalid', 'the body is not the JSON this resource takes', { cause });
  }
}

const ESCAPED_SURROGATE = /\\u[dD][89a-fA-F]/;
const LONE_SURROGATE = /\p{Surrogate}/u;

/** No text in UTF-8 has one alone: what is stored or compared would not be what came. */
function checkPairs(value: unknown): void {
  if (typeof value === 'string') {
    if (LONE_SURROGATE.test(value)) throw new GbaError('json-invalid', 'half a surrogate pair');
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, member] of Object.entries(value)) {
      checkPairs(name);
      checkPairs(member);
    }
  }
}

/** Walks text that `JSON.parse` has taken: names are the strings that a colon follows. */
function checkNames(text: string): void {
  const open: Set<string>[] = [];
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === '{' || character === '[') {
      if (open.push(new Set()) > DEPTH_LIMIT) throw new GbaError('json-invalid', 'nested too deep');
    } else if (character === '}' || character === ']') {
      open.pop();
    } else if (character === '"') {
      const start = at;
      at = endOfString(text, at);
      if (!isColonNext(text, at + 1)) continue;
      const name = String(JSON.parse(text.slice(start, at + 1)));
      const names = open.at(-1);
      if (names?.has(name) === true) throw new GbaError('json-invalid', 'a name stands twice');
      names?.add(name);
    }
  }
}

/** Where the string that begins at `start` has its closing quote. */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  for (;;) {
    const quote = text.indexOf('"', at);
    let backslashes = 0;
    while (text[quote - 1 - backslashes] === '\\') backslashes++;
    if (backslashes % 2 === 0) return quote;
    at = quote + 1;
  }
}

const COLON = /[ \t\r\n]*:/y;

function isColonNext(text: string, at: number): boolean {
  COLON.lastIndex = at;
  return COLON.test(text);
}
