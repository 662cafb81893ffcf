import { type Sealer, SecretKey } from '../base/index.ts';
import { deriveRoKeys, type RoKeys } from '../token/index.ts';
import type { Pin } from './records.ts';

/** A machine may bootstrap anew between looking and taking; more than this is no honest machine. */
export const MAX_PINS = 4;

export const pinContext = (serial: string, btid: string): string => `ro pin ${serial} ${btid}`;

/** The keys of a serial under Ks_NAF(ro), sealed for this serial and B-TID. */
export function makePin(sealer: Sealer, serial: Buffer, btid: string, ksNafRo: SecretKey): Pin {
  const keys = deriveRoKeys(ksNafRo, serial);
  const all = Buffer.concat([keys.activate.bytes(), keys.result.bytes(), keys.relay.bytes()]);
  const pin = { btid, sealed: sealer.seal(all, pinContext(serial.toString('hex'), btid)) };
  all.fill(0);
  erasePin(keys);
  return pin;
}

/** The keys of the pin that `fits`; the caller erases them. */
export function findPin(
  sealer: Sealer,
  serial: string,
  pins: readonly Pin[],
  fits: (keys: RoKeys) => boolean,
): RoKeys | undefined {
  for (const { btid, sealed } of pins) {
    const all = sealer.open(sealed, pinContext(serial, btid));
    const part = (i: number): SecretKey => SecretKey.copyOf(all.bytes().subarray(i * 32, i * 32 + 32));
    const keys = { activate: part(0), result: part(1), relay: part(2) };
    all.erase();
    if (fits(keys)) return keys;
    erasePin(keys);
  }
  return undefined;
}

export function erasePin(keys: RoKeys): void {
  for (const key of Object.values(keys)) key.erase();
}
