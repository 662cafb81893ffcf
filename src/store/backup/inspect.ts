import { codeOf, GbaError, messageOf, type Sealer } from '../../base/index.ts';
import { isKey, isSpace } from '../record.ts';
import { RESTORED, restoredSpace, type SpaceKind, type StoreKind } from './kind.ts';
import type { RawRecord } from './record.ts';

export const spaceOf = (kind: StoreKind, name: string): SpaceKind | undefined =>
  name === RESTORED ? restoredSpace : kind.spaces[name];

export function parsedOf({ space, key, json }: RawRecord): unknown {
  try {
    return JSON.parse(json);
  } catch {
    throw new GbaError('record-invalid', `'${key}' of '${space}' is no JSON`);
  }
}

/**
 * What `record` would become for the function that uses it: throws `record-invalid`, `space-unknown`, `seal-broken`. Every seal
 * is opened: a store under another key is worthless.
 */
export function inspect(kind: StoreKind, record: RawRecord, sealer: Sealer | undefined): void {
  const { space, key, expiresAt } = record;
  if (!isSpace(space) || !isKey(key)) throw new GbaError('record-invalid', 'a record has a name that is none');
  if (expiresAt !== undefined && !Number.isFinite(expiresAt)) {
    throw new GbaError('record-invalid', `'${key}' of '${space}' ends at no time`);
  }
  const known = spaceOf(kind, space);
  if (known === undefined) throw new GbaError('space-unknown', `'${space}' is no space of such a store`);
  for (const { sealed, context } of known.look(key, parsedOf(record))) sealer?.open(sealed, context).erase();
}

export interface Fault {
  space: string;
  key: string;
  code: string;
  message: string;
}

/** As `inspect`, told instead of thrown. */
export function faultOf(kind: StoreKind, record: RawRecord, sealer: Sealer | undefined): Fault | undefined {
  try {
    inspect(kind, record, sealer);
    return undefined;
  } catch (error) {
    return { space: record.space, key: record.key, code: codeOf(error), message: messageOf(error) };
  }
}
