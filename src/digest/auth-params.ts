import { GbaError } from '../base/index.ts';

/** Parameters of one credential or challenge; names in lower case, values unquoted, in the order received. */
export type AuthParams = ReadonlyMap<string, string>;

const TOKEN = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
/** qdtext and quoted-pair of RFC 9110 5.6.4: no control characters but HTAB. */
const QUOTED = /"((?:[\t !#-[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*)"/y;
const BLANKS = /[ \t]*/y;
/** Credentials of other schemes that are one word (RFC 9110 11.2). */
const TOKEN68 = /[A-Za-z0-9._~+/-]+=*[ \t]*(?=,|$)/y;
const SEPARATORS = /[ \t]*(?:,[ \t]*)+/y;

const malformed = (why: string): GbaError => new GbaError('digest-malformed', `digest header: ${why}`);

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get done(): boolean {
    return this.#at >= this.#text.length;
  }

  get position(): number {
    return this.#at;
  }

  set position(at: number) {
    this.#at = at;
  }

  /** The match of a sticky pattern here, or undefined. */
  take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match === null) return undefined;
    this.#at = pattern.lastIndex;
    return match;
  }
}

/**
 * `name = value` list of RFC 9110 11.2 with optional blanks and empty elements, in any order. A header value is one
 * character per octet, as Node hands it over; octets above 7F are read as UTF-8 (RFC 7616 4). Throws `digest-malformed`
 * for duplicates, missing commas, bad quoting, anything that two readers might read in two ways.
 */
export function parseParams(text: string): AuthParams {
  const reader = new Reader(text);
  const params = readParams(reader);
  if (!reader.done) throw malformed('unexpected characters');
  return params;
}

/** Every challenge or credential of a header field: scheme in lower case and its parameters (RFC 9110 11.3, 11.6.1). */
export function parseSchemes(text: string): { scheme: string; params: AuthParams }[] {
  const reader = new Reader(text);
  const found: { scheme: string; params: AuthParams }[] = [];
  reader.take(BLANKS);
  while (!reader.done) {
    const scheme = reader.take(TOKEN)?.[0].toLowerCase();
    if (scheme === undefined) throw malformed('no scheme');
    const blanks = reader.take(BLANKS)?.[0] ?? '';
    const alone = reader.done || reader.take(/(?=,)/y) !== undefined;
    if (blanks === '' && !alone) throw malformed('no blank after the scheme');
    if (!alone && reader.take(TOKEN68) !== undefined) {
      found.push({ scheme, params: new Map() });
      reader.take(SEPARATORS);
    } else found.push({ scheme, params: readParams(reader) });
  }
  return found;
}

/** Parameters up to the end, or up to the next scheme (a token that no `=` follows); none for a scheme that stands alone. */
function readParams(reader: Reader): AuthParams {
  const params = new Map<string, string>();
  reader.take(SEPARATORS) ?? reader.take(BLANKS);
  while (!reader.done) {
    const start = reader.position;
    const name = reader.take(TOKEN)?.[0].toLowerCase();
    if (name === undefined) throw malformed('parameter name expected');
    reader.take(BLANKS);
    if (reader.take(/=/y) === undefined) {
      reader.position = start;
      return params;
    }
    reader.take(BLANKS);
    const quoted = reader.take(QUOTED);
    const value = quoted === undefined ? reader.take(TOKEN)?.[0] : (quoted[1] ?? '').replace(/\\(.)/g, '$1');
    if (value === undefined) throw malformed('bad quoting');
    if (params.has(name)) throw malformed('a parameter is there twice');
    params.set(name, decode(value));
    if (reader.take(SEPARATORS) === undefined) {
      reader.take(BLANKS);
      if (!reader.done) throw malformed('comma expected');
    }
  }
  return params;
}

function decode(value: string): string {
  if (!/[\x80-\xff]/.test(value)) return value;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(value, 'latin1'));
  } catch (cause) {
    throw new GbaError('digest-malformed', 'digest header: not UTF-8', { cause });
  }
}

/** A quoted-string for a header field: escapes, and UTF-8 octets as one character each. Throws `digest-malformed`. */
export function quoted(value: string): string {
  const octets = Buffer.from(value, 'utf8').toString('latin1');
  for (const character of octets) {
    const code = character.charCodeAt(0);
    if ((code < 0x20 && code !== 0x09) || code === 0x7f) throw malformed('control character');
  }
  return `"${octets.replace(/["\\]/g, '\\$&')}"`;
}

/** A bare token for a header field. Throws `digest-malformed`. */
export function token(value: string): string {
  TOKEN.lastIndex = 0;
  if (TOKEN.exec(value)?.[0] !== value) throw malformed('not a token');
  return value;
}
