import { GbaError, toHex } from '../base/index.ts';
import { packageDigest } from '../mcim/index.ts';
import type { Entry, Op } from '../store/index.ts';
import { readBoundToken } from '../token/index.ts';
import type { Book, DeliveryDeps } from './book.ts';
import { deliveryFlow } from './flow.ts';
import { DELIVERY, type DeliveryRecord, OPEN, ORDER, PACKAGE } from './records.ts';

export interface DeliveryRequest {
  orderId: string;
  m2meId: string;
  boundToken: Uint8Array;
  /** SHA-256 of the package, 32 octets. */
  digest: Uint8Array;
  /** Left out when the machine holds the package of this digest already. */
  package?: Uint8Array | undefined;
}

export const orderKey = (sho: string, orderId: string): string => `${sho}/${orderId}`;

/** What new SHOs bring (6): a delivery, or after a failed activation another package for it. */
export function createIntake({ config, store, clock, registrations }: DeliveryDeps, { commit, step }: Book) {
  /** After a reported failure: another package under the same claims. Only forward: the token's validity is over by now or not. */
  async function correct(
    entry: Entry<DeliveryRecord>,
    { boundToken, digest, size, package: octets }: DeliveryRequest & { size: number },
  ): Promise<string> {
    const { key, value } = entry;
    if (octets === undefined) throw new GbaError('package-missing', 'a correction brings a package');
    const state = deliveryFlow.next(value.state, 'correction');
    const former = [...(value.former ?? []), value.digest];
    const tokenText = Buffer.from(boundToken).toString('base64');
    const changed = { state, boundToken: tokenText, digest: toHex(digest), size, former };
    await commit(entry, { ...value, ...changed }, packageOps(key, octets));
    step(6, value.sho, 'corrected package taken', key);
    return key;
  }

  return {
    /** Step 6. The same delivery twice is one. */
    async take(sho: string, request: DeliveryRequest): Promise<string> {
      const { claims, claimsDer } = await readBoundToken(request.boundToken);
      if (claims.newSho.id !== sho) throw new GbaError('token-wrong-audience', 'the token names another operator');
      if (claims.roId !== config.id)
        throw new GbaError('token-wrong-ro', 'the token names another registration operator');
      if (claims.m2meId !== request.m2meId)
        throw new GbaError('token-wrong-machine', 'the token is for another machine');
      const size = request.package?.length ?? 0;
      if (size > config.maxPackageBytes) throw new GbaError('package-too-large', 'the package is too large');
      if (request.package !== undefined && !packageDigest(request.package).equals(request.digest)) {
        throw new GbaError('package-digest-mismatch', 'the package is not the one of this digest');
      }
      await registrations.find(request.m2meId);
      const serial = toHex(claims.serial);
      const digest = toHex(request.digest);
      const boundToken = Buffer.from(request.boundToken).toString('base64');
      const entry = await store.get<DeliveryRecord>(DELIVERY, serial);
      if (entry !== undefined) {
        const known = entry.value;
        const own = known.orderId === request.orderId && known.sho === sho;
        if (own && known.digest === digest && known.boundToken === boundToken) return serial;
        // An older package, come late: it has had its turn.
        if (own && known.former?.includes(digest) === true) return serial;
        const former = await readBoundToken(Buffer.from(known.boundToken, 'base64'));
        if (own && former.claimsDer.equals(claimsDer) && deliveryFlow.can(known.state, 'correction')) {
          return await correct(entry, { ...request, size });
        }
        throw new GbaError('token-serial-spent', 'there is a delivery with this serial already');
      }
      if (clock.now() > claims.notAfter) throw new GbaError('token-expired', 'the token has expired');
      const put: DeliveryRecord = {
        v: 1,
        state: deliveryFlow.initial,
        orderId: request.orderId,
        sho,
        m2meId: request.m2meId,
        boundToken,
        size,
        digest,
        pins: [],
      };
      const done = await store.commit([
        { space: DELIVERY, key: serial, expect: 0, put },
        ...packageOps(serial, request.package),
        { space: OPEN, key: request.m2meId, expect: 0, put: serial },
        { space: ORDER, key: orderKey(sho, request.orderId), expect: 0, put: serial },
      ]);
      if (!done) {
        throw new GbaError('delivery-open', 'this machine has an open delivery already', { retryable: true });
      }
      step(6, sho, 'package and bound token taken', serial);
      return serial;
    },
  };
}

/** The octets of a package, in a record of their own; none when the machine holds them. */
function packageOps(serial: string, octets: Uint8Array | undefined): Op[] {
  if (octets === undefined) return [];
  return [{ space: PACKAGE, key: serial, put: Buffer.from(octets).toString('base64') }];
}
