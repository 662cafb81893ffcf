import { type Clock, GbaError, type Log, type Sealer, toHex } from '../base/index.ts';
import { parseBtid } from '../gba/index.ts';
import type { BootstrappingInfoResponse } from '../http/index.ts';
import type { Store } from '../store/index.ts';
import type { NafPolicy } from './config.ts';
import { findNafPolicy, type KeyQuery, releaseKey } from './procedures/release-key.ts';
import { CONTEXTS, type ContextRecord, openKs } from './records.ts';

export interface BootstrappingInfoDeps {
  store: Store;
  sealer: Sealer;
  clock: Clock;
  log: Log;
}

/**
 * Zn (TS 33.220 4.5.3), whatever carries it: the key of a B-TID for a NAF with these proven `names`. Throws
 * `naf-not-allowed`, `btid-unknown`.
 */
export async function bootstrappingInfo(
  nafs: readonly NafPolicy[],
  { store, sealer, clock, log }: BootstrappingInfoDeps,
  names: readonly string[],
  query: KeyQuery,
): Promise<BootstrappingInfoResponse> {
  const { btid, nafFqdn } = query;
  const policy = findNafPolicy(nafs, names, nafFqdn);
  const entry = isBtid(btid) ? await store.get<ContextRecord>(CONTEXTS, btid) : undefined;
  // The key's own end counts, whatever the store keeps.
  if (entry === undefined || entry.value.keyExpiry <= clock.now()) {
    throw new GbaError('btid-unknown', 'no context for this B-TID');
  }
  const ks = openKs(sealer, btid, entry.value.sealed);
  let response: BootstrappingInfoResponse;
  try {
    response = releaseKey(query, policy, entry.value, ks);
  } finally {
    ks.erase();
  }
  log.info('key-released', { btid, naf: nafFqdn, uaId: toHex(query.uaId), client: policy.client });
  return response;
}

/** Text that is no B-TID never reaches the store. */
function isBtid(text: string): boolean {
  try {
    parseBtid(text);
    return true;
  } catch {
    return false;
  }
}
