import { SecretKey } from '../../src/base/index.ts';
import { blindBtid, type Claims, deriveTokenKeys, releaseLock } from '../../src/token/index.ts';

export const fill = (octet: number, length = 32): Buffer => Buffer.alloc(length, octet);

/** Fixed inputs of the worked example in docs/protocol.md. */
export const EXAMPLE = {
  ksNafToken: SecretKey.copyOf(Buffer.from([...Array(32).keys()])),
  ksNafRo: SecretKey.copyOf(Buffer.from([...Array(32).keys()].map((i) => i + 0x20))),
  serial: Buffer.from([...Array(16).keys()].map((i) => i + 0xa0)),
  r: fill(0x5a),
  btid: 'AAECAwQFBgcICQoLDA0ODw==@bsf.sho-a.test',
  newShoId: 'sho-b.test',
  packageDigest: fill(0xcc),
};

export function exampleClaims(change: Partial<Claims> = {}): Claims {
  return {
    version: 1,
    serial: EXAMPLE.serial,
    bootstrap: { blinded: blindBtid(EXAMPLE.ksNafToken, EXAMPLE.serial, EXAMPLE.btid) },
    m2meId: 'm2me-0001',
    newSho: { id: EXAMPLE.newShoId, keyHashes: [fill(0x11)] },
    roId: 'ro.test',
    permissions: { install: true, unregister: true },
    notBefore: Date.parse('2027-01-01T00:00:00Z'),
    notAfter: Date.parse('2027-01-02T00:00:00Z'),
    releaseLock: releaseLock(EXAMPLE.r),
    ...change,
  };
}

export const exampleKeys = () => deriveTokenKeys(EXAMPLE.ksNafToken, EXAMPLE.serial);
