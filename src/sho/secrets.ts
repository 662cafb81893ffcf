import { type Sealer, SecretKey } from '../base/index.ts';
import type { TokenKeys } from '../token/index.ts';

/** What the old SHO pins with a serial: the four token keys and r, 32 octets each, sealed together. */
export interface ReleaseSecrets {
  keys: TokenKeys;
  r: SecretKey;
}

const contextOf = (serial: string): string => `sho release ${serial}`;

export function sealRelease(sealer: Sealer, serial: string, { keys, r }: ReleaseSecrets): string {
  const { install, unregister, ack } = keys;
  const all = Buffer.concat([install, unregister, ack, keys.return, r].map((key) => key.bytes()));
  const sealed = sealer.seal(all, contextOf(serial));
  all.fill(0);
  return sealed;
}

export function openRelease(sealer: Sealer, serial: string, sealed: string): ReleaseSecrets {
  const all = sealer.open(sealed, contextOf(serial));
  const part = (i: number): SecretKey => SecretKey.copyOf(all.bytes().subarray(i * 32, i * 32 + 32));
  const secrets = { keys: { install: part(0), unregister: part(1), ack: part(2), return: part(3) }, r: part(4) };
  all.erase();
  return secrets;
}

export function eraseRelease({ keys, r }: ReleaseSecrets): void {
  for (const key of [...Object.values(keys), r]) key.erase();
}
