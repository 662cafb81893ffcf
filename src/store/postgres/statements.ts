import type { QueryConfig } from 'pg';
import type { ListOptions } from '../contract.ts';
import { type Change, compareKeys, isKey } from '../record.ts';

/** A record as the server sends it; a bigint comes as text. */
export interface Row {
  key: string;
  value: string;
  version: string;
  expires_at: number | null;
}

const COLUMNS = 'key, value, version, expires_at';

export function getStatement(schema: string, space: string, key: string, now: number): QueryConfig {
  return {
    name: 'get',
    text: `SELECT ${COLUMNS} FROM ${schema}.records
      WHERE space = $1 AND key = $2 AND (expires_at IS NULL OR expires_at > $3)`,
    values: [space, key, now],
  };
}

export function commitStatement(schema: string, changes: readonly Change[], now: number): QueryConfig {
  return {
    name: 'commit',
    text: `SELECT ${schema}.commit_changes($1, $2, $3, $4, $5, $6, $7) AS done`,
    values: [
      now,
      changes.map(({ space }) => space),
      changes.map(({ key }) => key),
      changes.map(({ expect }) => expect ?? null),
      changes.map(({ json }) => json ?? null),
      changes.map((change) => change.delete === true),
      changes.map(({ expiresAt }) => expiresAt ?? null),
    ],
  };
}

/** A page of a space; undefined when no key can be on it. */
export function listStatement(
  schema: string,
  space: string,
  { prefix = '', after, limit = Number.POSITIVE_INFINITY }: ListOptions,
  now: number,
): QueryConfig | undefined {
  if ((prefix !== '' && !isKey(prefix)) || limit <= 0) return undefined;
  const values: unknown[] = [];
  const bind = (value: unknown): string => `$${values.push(value)}`;
  const where = [`space = ${bind(space)}`, `(expires_at IS NULL OR expires_at > ${bind(now)})`];
  if (prefix !== '') {
    where.push(`key >= ${bind(prefix)}`);
    const end = endOfPrefix(prefix);
    if (end !== undefined) where.push(`key < ${bind(end)}`);
  }
  if (after !== undefined && isKey(after)) {
    if (compareKeys(after, prefix) >= 0) where.push(`key > ${bind(after)}`);
  } else if (after !== undefined) {
    // No key, perhaps not even a text to the server: it still has its place in the order of octets.
    where.push(`convert_to(key, 'UTF8') > ${bind(Buffer.from(after))}::bytea`);
  }
  const rows = Number.isFinite(limit) ? ` LIMIT ${bind(Math.ceil(limit))}` : '';
  return { text: `SELECT ${COLUMNS} FROM ${schema}.records WHERE ${where.join(' AND ')} ORDER BY key${rows}`, values };
}

/** The first text after all that begin with `prefix`: in UTF-8 the order of octets is the order of code points. */
function endOfPrefix(prefix: string): string | undefined {
  const points = Array.from(prefix, (character) => character.codePointAt(0) ?? 0);
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    if (last === 0x10ffff) continue;
    // Surrogates are no characters of their own.
    return String.fromCodePoint(...points, last === 0xd7ff ? 0xe000 : last + 1);
  }
  return undefined;
}

/** What others hold locked at the moment is left for the next time. */
export function sweepStatement(schema: string, now: number, limit: number): QueryConfig {
  return {
    name: 'sweep',
    text: `DELETE FROM ${schema}.records r USING (
        SELECT space, key FROM ${schema}.records WHERE expires_at <= $1
        ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED
      ) dead WHERE r.space = dead.space AND r.key = dead.key AND r.expires_at <= $1`,
    values: [now, limit],
  };
}
