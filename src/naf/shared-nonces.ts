import { hkdfSync } from 'node:crypto';
import { SecretKey } from '../base/index.ts';
import type { Store, StoreConfig } from '../store/index.ts';
import type { GbaAuthOptions } from './gba-auth.ts';

/**
 * What lets every instance of a NAF take up the challenges of the others, and none of them a nonce count twice: the key, from
 * the sealing key that they share, and the counts in their common store. With a store that only one host has, counts stay in
 * memory: they cost no write there.
 */
export function sharedNonces(
  { driver }: Pick<StoreConfig, 'driver'>,
  store: Store,
  sealingKey: SecretKey,
): Pick<GbaAuthOptions, 'store' | 'nonceKey'> {
  if (driver !== 'postgres') return {};
  const key = Buffer.from(hkdfSync('sha256', sealingKey.bytes(), '', 'gba-authz ua nonces', 32));
  return { store, nonceKey: SecretKey.adopt(key) };
}
