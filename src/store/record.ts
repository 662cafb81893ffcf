import { GbaError } from '../base/index.ts';
import type { Entry, Op } from './contract.ts';

/** What a driver keeps: the value as JSON text, so that no driver hands out an object that others can change. */
export interface Stored {
  json: string;
  version: number;
  expiresAt?: number;
}

/** A write that has been checked and encoded: nothing can fail any more between the first and the last of a commit. */
export interface PreparedOp extends Pick<Op, 'space' | 'key' | 'expect' | 'expiresAt' | 'delete'> {
  json?: string;
}

const KEY_LIMIT = 512;

export const isLive = (stored: Stored | undefined, now: number): stored is Stored =>
  stored !== undefined && (stored.expiresAt === undefined || stored.expiresAt > now);

export function toEntry<T>(key: string, stored: Stored): Entry<T> {
  const value = JSON.parse(stored.json) as T;
  return stored.expiresAt === undefined
    ? { key, value, version: stored.version }
    : { key, value, version: stored.version, expiresAt: stored.expiresAt };
}

/** All writes of a commit, or a refusal before any of them: `store-name-invalid`, `store-value-invalid`. */
export function prepareOps(ops: readonly Op[]): PreparedOp[] {
  return ops.map(({ put, ...op }) => {
    assertNames(op.space, op.key);
    if (op.expiresAt !== undefined && !Number.isFinite(op.expiresAt)) {
      throw new GbaError('store-value-invalid', `the expiry of a record in '${op.space}' is not a time`);
    }
    return put === undefined ? op : { ...op, json: encodeValue(op.space, put) };
  });
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
export function expectationsHold(ops: readonly PreparedOp[], versionOf: (op: PreparedOp) => number): boolean {
  return ops.every((op) => op.expect === undefined || versionOf(op) === op.expect);
}

/** The record that `op` leaves behind over a live `current`, or undefined when it deletes. */
export function applyOp(op: PreparedOp, current: Stored | undefined): Stored | undefined {
  if (op.delete === true) return undefined;
  if (op.json === undefined) return current;
  const base = { json: op.json, version: (current?.version ?? 0) + 1 };
  return op.expiresAt === undefined ? base : { ...base, expiresAt: op.expiresAt };
}

/** 1 to 512 octets of UTF-8 without control characters. A text that is no key names no record. */
export function isKey(key: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
  return key.length > 0 && Buffer.byteLength(key) <= KEY_LIMIT && !/[\u0000-\u001f]|\p{Surrogate}/u.test(key);
}

/** Names that no driver can misread: a space is a word. */
function assertNames(space: string, key: string): void {
  if (!/^[a-z][a-z0-9-]{0,40}$/.test(space))
    throw new GbaError('store-name-invalid', `store space '${space}' is not a word`);
  if (!isKey(key)) {
    throw new GbaError('store-name-invalid', `store key in '${space}' is empty, too long or has control characters`);
  }
}

export const compareKeys = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));
