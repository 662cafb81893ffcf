import { createHash, createHmac } from 'node:crypto';
import { assertBytes, type SecretKey } from '../base/index.ts';
import { kdf } from '../gba/index.ts';

/**
 * FC of every key of this product: outside what 3GPP has given out (0x00 to 0x8E seen) and outside the FF escape of
 * TS 33.220 B.2.0. The label in P0 keeps the purposes apart.
 */
const FC = 0xfe;
const SERIAL_LENGTH = 16;

/** From Ks_NAF(token): M2ME and old SHO only. */
export interface TokenKeys {
  install: SecretKey;
  unregister: SecretKey;
  ack: SecretKey;
  return: SecretKey;
}

/** From Ks_NAF(ro): M2ME and RO only. */
export interface RoKeys {
  activate: SecretKey;
  result: SecretKey;
  relay: SecretKey;
}

/** KDF(Ks_NAF, FC = FE, P0 = "gba-authz " label, P1 = serial): 32 octets (form of TS 33.220 B.2). */
function derive(ksNaf: SecretKey, label: string, serial: Uint8Array): SecretKey {
  assertBytes(serial, SERIAL_LENGTH, 'serial');
  return kdf(ksNaf, FC, [Buffer.from(`gba-authz ${label}`, 'ascii'), serial]);
}

export function deriveTokenKeys(ksNafToken: SecretKey, serial: Uint8Array): TokenKeys {
  return {
    install: derive(ksNafToken, 'install', serial),
    unregister: derive(ksNafToken, 'unregister', serial),
    ack: derive(ksNafToken, 'ack', serial),
    return: derive(ksNafToken, 'return', serial),
  };
}

export function deriveRoKeys(ksNafRo: SecretKey, serial: Uint8Array): RoKeys {
  return {
    activate: derive(ksNafRo, 'activate', serial),
    result: derive(ksNafRo, 'result', serial),
    relay: derive(ksNafRo, 'relay', serial),
  };
}

/** The B-TID as the claims carry it: an HMAC that only who holds Ks_NAF(token) can recognise; 32 octets. */
export function blindBtid(ksNafToken: SecretKey, serial: Uint8Array, btid: string): Buffer {
  const key = derive(ksNafToken, 'blind', serial);
  const blinded = hmac(key, Buffer.from(btid, 'utf8'));
  key.erase();
  return blinded;
}

/** SHA-256(r): who holds the claims can check r, nobody but the old SHO can show it. */
export function releaseLock(r: Uint8Array): Buffer {
  assertBytes(r, 32, 'r');
  return createHash('sha256').update(r).digest();
}

export function hmac(key: SecretKey, ...parts: readonly Uint8Array[]): Buffer {
  const mac = createHmac('sha256', key.bytes());
  for (const part of parts) mac.update(part);
  return mac.digest();
}
