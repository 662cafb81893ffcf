import { equalBytes, fromHex, GbaError, toHex } from '../base/index.ts';
import { type Mcim, makePackage, packageDigest } from '../mcim/index.ts';
import { openToken } from '../token/index.ts';
import { type Signer, spkiSha256 } from '../x509/index.ts';
import { claimsOf, type OrderDeps, type OrderRecord, tokenContext } from './order-record.ts';
import type { OpenSubscription } from './subscriptions.ts';

/** In packages that are put into a machine before any token names a serial. */
const NO_SERIAL = Buffer.alloc(16);

/** What goes to the RO (6); without `package` the machine has the octets of this digest already. Base64, digest in hex. */
export interface Packed {
  boundToken: string;
  digest: string;
  package?: string;
}

export type Packaging = ReturnType<typeof createPackaging>;

/** Makes MCIM packages, and narrows tokens to them. */
export function createPackaging({ config, random, sealer, signers }: OrderDeps) {
  function mcimOf({ impi, k, opc }: OpenSubscription): Mcim {
    return {
      impi,
      algorithm: 'milenage',
      k,
      opc,
      indBits: config.indBits,
      bsf: { fqdn: config.bsf.fqdn, url: config.bsf.publicUrl },
      sho: { id: config.id, url: config.publicUrl },
    };
  }

  /** The key in use if the claims list it, else another of ours that they list: keys roll over while orders are open. */
  function signerFor(keyHashes: readonly Buffer[]): Signer {
    const listed = signers.find(({ key }) => keyHashes.some((hash) => equalBytes(hash, spkiSha256(key))));
    if (listed === undefined) throw new GbaError('signing-key-retired', 'no key that the token names is left');
    return listed;
  }

  const makeFor = (
    subscription: OpenSubscription,
    machine: { m2meId: string; treCertificate: string },
    serial: Buffer,
    signer: Signer,
  ) =>
    makePackage({
      mcim: mcimOf(subscription),
      newShoId: config.id,
      m2meId: machine.m2meId,
      serial,
      signer,
      recipientCertificate: Buffer.from(machine.treCertificate, 'base64'),
      random,
    });

  return {
    /** Throws `signing-key-retired`. */
    async pack(orderId: string, record: OrderRecord, subscription: OpenSubscription): Promise<Packed> {
      const { sealedToken, treCertificate, m2meId, storedDigest } = record;
      if (sealedToken === undefined || treCertificate === undefined) {
        throw new GbaError('internal', 'the order has no token or no TRE certificate');
      }
      const { serial, newSho } = claimsOf(record);
      const signer = signerFor(newSho.keyHashes);
      // A correction replaces what the machine had stored.
      const stored = record.corrections === undefined ? storedDigest : undefined;
      const packed =
        stored === undefined ? await makeFor(subscription, { m2meId, treCertificate }, serial, signer) : undefined;
      const digest = packed === undefined ? fromHex(stored ?? '', 32) : packageDigest(packed);
      const sealed = sealer.open(sealedToken, tokenContext(orderId));
      const token = await openToken(sealed.bytes());
      sealed.erase();
      const bound = await token.narrow(digest, signer);
      token.erase();
      return {
        boundToken: bound.toString('base64'),
        digest: toHex(digest),
        ...(packed === undefined ? {} : { package: packed.toString('base64') }),
      };
    },

    /** A package for a slot of its own, before the change: no token yet, so no serial in it. */
    preload: (subscription: OpenSubscription, machine: { m2meId: string; treCertificate: string }): Promise<Buffer> =>
      makeFor(subscription, machine, NO_SERIAL, signers[0]),
  };
}
