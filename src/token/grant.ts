import { GbaError, SecretKey } from '../base/index.ts';
import type { Signer } from '../x509/index.ts';
import type { Claims } from './claims.ts';
import { deriveTokenKeys, type TokenKeys } from './keys.ts';
import {
  type Acknowledgement,
  makeAcknowledgement,
  makeReturn,
  makeUnregistration,
  type Proof,
  type Read,
  type Return,
  signReturn,
  signUnregistration,
  type Unregistration,
} from './messages.ts';
import { type BoundToken, bindingHolds, makeToken } from './token.ts';

/** What the machine can do with a token that its owner announced, whichever variant it is. */
export interface MachineGrant {
  /** Names a pinned key, for logs; undefined where nothing is pinned. */
  keyId(purpose: 'install' | 'unregister'): string | undefined;
  /** The bound token narrows the announced one to the package of this digest (32 octets). */
  accepts(bound: BoundToken, packageDigest: Uint8Array): boolean;
  makeUnregistration(fields: Unregistration): Promise<Buffer>;
  makeReturn(fields: Return): Promise<Buffer>;
  /** The acknowledgement is the old SHO's; that r opens the lock is for the caller to check. */
  acknowledges(message: Read<Acknowledgement>): boolean;
  erase(): void;
}

/** From what the machine pinned for the serial: the four token keys (GBA variant), or none (signed variant). */
export function machineGrant(secrets: readonly SecretKey[], device: () => Signer): MachineGrant {
  if (secrets.length === 0) {
    return {
      keyId: () => undefined,
      accepts: (bound, packageDigest) => bindingHolds(bound, undefined, packageDigest),
      makeUnregistration: (fields) => signUnregistration(fields, device()),
      makeReturn: (fields) => signReturn(fields, device()),
      acknowledges: (message) => acknowledgedByR(message),
      erase() {},
    };
  }
  const { install, unregister, ack, return: giveBack } = tokenKeysOf(secrets);
  return {
    keyId: (purpose) => (purpose === 'install' ? install : unregister).id(),
    accepts: (bound, packageDigest) => bindingHolds(bound, install, packageDigest),
    makeUnregistration: async (fields) => makeUnregistration(fields, unregister),
    makeReturn: async (fields) => makeReturn(fields, giveBack),
    acknowledges: (message) => message.matches(ack),
    erase() {
      for (const key of secrets) key.erase();
    },
  };
}

/** What the old SHO can do with a release of its own, whichever variant its claims are. */
export interface ReleaseGrant {
  /** To be pinned: r, and in the GBA variant the four token keys before it. */
  readonly secrets: readonly SecretKey[];
  /** Whose word an unregistration of this release is. */
  readonly unregistrationProof: Proof;
  readonly returnProof: Proof;
  /** The token, where the old SHO's word alone makes it; in the signed variant the machine's signature comes first. */
  issue(): Buffer | undefined;
  makeAcknowledgement(): Buffer;
  erase(): void;
}

/** A new release: `ksNafToken` for claims that name a bootstrap. */
export function newReleaseGrant(claims: Claims, r: SecretKey, ksNafToken: SecretKey | undefined): ReleaseGrant {
  if (ksNafToken === undefined) return releaseGrant(claims, [r]);
  const { install, unregister, ack, return: giveBack } = deriveTokenKeys(ksNafToken, claims.serial);
  return releaseGrant(claims, [install, unregister, ack, giveBack, r]);
}

/** From the pinned secrets. Throws `release-record-invalid` when they are not those of these claims. */
export function releaseGrant(claims: Claims, secrets: readonly SecretKey[]): ReleaseGrant {
  const erase = () => {
    for (const secret of secrets) secret.erase();
  };
  const r = secrets.at(-1);
  const byDevice = 'device' in claims.bootstrap ? { device: claims.bootstrap.device } : undefined;
  if (r === undefined || secrets.length !== (byDevice === undefined ? 5 : 1)) {
    throw new GbaError('release-record-invalid', 'the pinned keys do not fit the claims');
  }
  const { serial } = claims;
  if (byDevice !== undefined) {
    const makeAck = () => makeAcknowledgement({ serial, r: r.bytes() }, r);
    const proofs = { unregistrationProof: byDevice, returnProof: byDevice };
    return { secrets, ...proofs, issue: () => undefined, makeAcknowledgement: makeAck, erase };
  }
  const { install, unregister, ack, return: giveBack } = tokenKeysOf(secrets);
  return {
    secrets,
    unregistrationProof: unregister,
    returnProof: giveBack,
    issue: () => makeToken(claims, { install }),
    makeAcknowledgement: () => makeAcknowledgement({ serial, r: r.bytes() }, ack),
    erase,
  };
}

/** In the order in which they are pinned: install, unregister, ack, return. */
export function tokenKeysOf(secrets: readonly SecretKey[]): TokenKeys {
  const [install, unregister, ack, giveBack] = secrets;
  if (install === undefined || unregister === undefined || ack === undefined || giveBack === undefined) {
    throw new GbaError('release-record-invalid', 'pinned token keys are not complete');
  }
  return { install, unregister, ack, return: giveBack };
}

/** In the signed variant the acknowledgement shows r, and r is its MAC key: whoever knows r may say so. */
function acknowledgedByR(message: Read<Acknowledgement>): boolean {
  const r = SecretKey.copyOf(message.r);
  try {
    return message.matches(r);
  } finally {
    r.erase();
  }
}
