import { GbaError } from '../base/index.ts';
import type { Entry, Op } from './contract.ts';

/** What a driver keeps: the value as JSON text, so that no driver hands out an object that others can change. */
export interface Stored {
  json: string;
  version: number;
  expiresAt?: number;
}

/** What a commit does to one key: puts `json`, deletes, or neither (a condition). */
export interface Change {
  space: string;
  key: string;
  expect?: number;
  json?: string;
  expiresAt?: number;
  delete?: true;
}

/** About how many records one call of `sweep` deals with. */
export const SWEEP_LIMIT = 1_000;

const KEY_LIMIT = 512;

export const isLive = (stored: Stored | undefined, now: number): stored is Stored =>
  stored !== undefined && (stored.expiresAt === undefined || stored.expiresAt > now);

export function toEntry<T>(key: string, stored: Stored): Entry<T> {
  const value = JSON.parse(stored.json) as T;
  return stored.expiresAt === undefined
    ? { key, value, version: stored.version }
    : { key, value, version: stored.version, expiresAt: stored.expiresAt };
}

/**
 * A commit as one change a key, in the order of spaces and keys (which every commit then locks in), checked and encoded:
 * nothing can fail any more between the first and the last. Undefined when it expects what no record can have.
 * Throws `store-name-invalid`, `store-value-invalid`.
 */
export function foldOps(ops: readonly Op[]): Change[] | undefined {
  const changes = new Map<string, Change>();
  let possible = true;
  for (const op of ops) {
    const change = encode(op);
    const id = `${op.space} ${op.key}`;
    const earlier = changes.get(id);
    const expect = change.expect ?? earlier?.expect;
    possible &&= isVersion(expect) && (earlier?.expect === undefined || earlier.expect === expect);
    const last = change.json === undefined && change.delete === undefined ? { ...earlier, ...change } : change;
    changes.set(id, expect === undefined ? last : { ...last, expect });
  }
  if (!possible) return undefined;
  const all = [...changes.values()];
  return all.sort((a, b) => compareKeys(a.space, b.space) || compareKeys(a.key, b.key));
}

const isVersion = (expect: number | undefined): boolean =>
  expect === undefined || (Number.isSafeInteger(expect) && expect >= 0);

function encode({ space, key, expect, put, expiresAt, delete: remove }: Op): Change {
  assertNames(space, key);
  if (expiresAt !== undefined && !Number.isFinite(expiresAt)) {
    throw new GbaError('store-value-invalid', `the expiry of a record in '${space}' is not a time`);
  }
  const json = put === undefined ? undefined : encodeValue(space, put);
  const change: Change = expect === undefined ? { space, key } : { space, key, expect };
  if (remove === true) return { ...change, delete: true };
  if (json === undefined) return change;
  return expiresAt === undefined ? { ...change, json } : { ...change, json, expiresAt };
}

function encodeValue(space: string, value: unknown): string {
  let json: string | undefined;
  try {
    json = JSON.stringify(value);
  } catch (cause) {
    throw new GbaError('store-value-invalid', `a value for '${space}' cannot be said in JSON`, { cause });
  }
  if (json === undefined) throw new GbaError('store-value-invalid', `a value for '${space}' cannot be said in JSON`);
  return json;
}

/** True when every `expect` holds for what is there now. */
export function expectationsHold(changes: readonly Change[], versionOf: (change: Change) => number): boolean {
  return changes.every((change) => change.expect === undefined || versionOf(change) === change.expect);
}

export function toStored(json: string, version: number, expiresAt: number | undefined): Stored {
  return expiresAt === undefined ? { json, version } : { json, version, expiresAt };
}

/** 1 to 512 octets of UTF-8 without control characters. A text that is no key names no record. */
export function isKey(key: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
  return key.length > 0 && Buffer.byteLength(key) <= KEY_LIMIT && !/[\u0000-\u001f]|\p{Surrogate}/u.test(key);
}

export const isSpace = (space: string): boolean => /^[a-z][a-z0-9-]{0,40}$/.test(space);

/** Names that no driver can misread: a space is a word. */
function assertNames(space: string, key: string): void {
  if (!isSpace(space)) throw new GbaError('store-name-invalid', `store space '${space}' is not a word`);
  if (!isKey(key)) {
    throw new GbaError('store-name-invalid', `store key in '${space}' is empty, too long or has control characters`);
  }
}

export const compareKeys = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));
