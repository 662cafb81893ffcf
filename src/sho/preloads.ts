import { GbaError, toHex } from '../base/index.ts';
import { packageDigest } from '../mcim/index.ts';
import { readCertificate } from '../x509/index.ts';
import type { OrderDeps } from './order-record.ts';
import type { Packaging } from './packaging.ts';

export const PRELOAD = 'preload';

/** A subscription that a machine holds in a slot of its own, waiting for a token. */
interface PreloadRecord {
  v: 1;
  impi: string;
  /** SHA-256 of the package, hexadecimal. */
  digest: string;
  /** DER of the CMS package, base64: the same for every repeat. */
  package: string;
}

export type Preloads = ReturnType<typeof createPreloads>;

/** Variant "both present": the new MCIM was put into the machine earlier. */
export function createPreloads({ store, random, subscriptions }: OrderDeps, packaging: Packaging) {
  const of = async (m2meId: string) => (await store.get<PreloadRecord>(PRELOAD, m2meId))?.value;

  return {
    of,
    /** Gives a subscription to the machine and packs it for its TRE; the same machine again gets the same package. */
    async make(m2meId: string, treCertificate: Uint8Array): Promise<{ digest: string; package: string }> {
      const known = await of(m2meId);
      if (known !== undefined) return { digest: known.digest, package: known.package };
      const der = readCertificate(treCertificate).der.toString('base64');
      const { impi, ops } = await subscriptions.take(`preload/${m2meId}`, random);
      const subscription = await subscriptions.open(impi);
      const packed = await packaging.preload(subscription, { m2meId, treCertificate: der });
      subscription.k.erase();
      subscription.opc.erase();
      const digest = toHex(packageDigest(packed));
      const put: PreloadRecord = { v: 1, impi, digest, package: packed.toString('base64') };
      if (!(await store.commit([{ space: PRELOAD, key: m2meId, expect: 0, put }, ...ops]))) {
        throw new GbaError('conflict', 'another machine was faster', { retryable: true });
      }
      return { digest, package: put.package };
    },
  };
}
