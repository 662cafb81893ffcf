import { GbaError, toHex } from '../base/index.ts';
import { enqueue, notQueued, queued } from '../flow/index.ts';
import type { PeerIdentity } from '../http/index.ts';
import type { Op } from '../store/index.ts';
import { openToken } from '../token/index.ts';
import { type Certificate, spkiSha256 } from '../x509/index.ts';
import { orderFlow } from './flows.ts';
import type { OrderBook } from './order-book.ts';
import { progressOf } from './order-progress.ts';
import {
  claimsOf,
  findOrder,
  OPEN_ORDER,
  ORDER,
  ORDER_OF_IMPI,
  ORDER_OF_SERIAL,
  type OrderDeps,
  type OrderRecord,
  tokenContext,
} from './order-record.ts';
import type { Preloads } from './preloads.ts';
import { checkOrderedToken } from './procedures/check-token.ts';
import { differs, fingerprint } from './repeats.ts';

/** How often an order looks for another subscription when others were faster. */
const RACES = 64;
export interface OrderRequest {
  m2meId: string;
  roId: string;
  pvaId: string;
  token: Uint8Array;
  /** The machine holds the subscription already, in a slot of its own. */
  bothPresent?: boolean | undefined;
}

export interface OrderingWork {
  preloads: Preloads;
  /** Signed variant: throws when this device certificate is not to be trusted for the machine now. */
  verifyDevice(certificate: Certificate, m2meId: string): void;
}

/** What owners do at the new SHO (1): order, and look. */
export function createOrdering(deps: OrderDeps, work: OrderingWork, { kick, refuse, step }: OrderBook) {
  const { config, store, clock, random, sealer, subscriptions } = deps;
  const keyHashes = deps.signers.map(({ key }) => spkiSha256(key));
  const skewMs = config.clockSkewSeconds * 1000;

  /** The subscription for an order: the one the machine holds already, or any that is free. */
  async function subscriptionFor(orderId: string, request: OrderRequest) {
    if (request.bothPresent !== true) return { ...(await subscriptions.take(orderId, random)), stored: {} };
    const preload = await work.preloads.of(request.m2meId);
    if (preload === undefined) {
      throw new GbaError('preload-unknown', 'this machine holds no subscription of ours');
    }
    return {
      impi: preload.impi,
      ops: await takePreload(preload.impi, orderId),
      stored: { storedDigest: preload.digest },
    };
  }

  /** The same subscription anew: what its former order withdraws must be withdrawn before, or it would hit this one. */
  async function takePreload(impi: string, orderId: string): Promise<Op[]> {
    const former = await store.get<string>(ORDER_OF_IMPI, impi);
    const mine: Op = { space: ORDER_OF_IMPI, key: impi, expect: former?.version ?? 0, put: orderId };
    if (former === undefined) return [mine];
    const works = ['withdraw', 'prepare'].map((kind) => `${kind}/${former.value}`);
    const waiting = await Promise.all(works.map((id) => queued(store, id)));
    if (waiting.some((one) => one !== undefined)) {
      throw new GbaError('conflict', 'the former order of this subscription is still being withdrawn', {
        retryable: true,
      });
    }
    return [mine, ...works.map(notQueued)];
  }

  /** The same order again, by its token's serial, however late. */
  async function standing(owner: string, serial: string, claims: string, request: string) {
    const known = await store.get<string>(ORDER_OF_SERIAL, serial);
    if (known === undefined) return undefined;
    const { value } = await findOrder(store, known.value);
    if (value.owner !== owner || value.claims !== claims) {
      throw new GbaError('token-serial-spent', 'this token was ordered with already');
    }
    if (value.request !== undefined && value.request !== request) throw differs();
    return known.value;
  }

  return {
    keyHashes,

    /** Step 1. The same token ordered again by the same owner is the same order. */
    async take(peer: PeerIdentity | undefined, request: OrderRequest): Promise<{ orderId: string; fresh: boolean }> {
      if (peer === undefined) throw new GbaError('unauthenticated', 'a client certificate is required');
      const { claims, claimsDer, device, erase } = await openToken(request.token);
      erase();
      const serial = toHex(claims.serial);
      const claimsText = claimsDer.toString('base64');
      const asked = fingerprint(request.token, request.bothPresent === true ? 'both present' : '');
      const again = await standing(peer.spkiSha256, serial, claimsText, asked);
      if (again !== undefined) return { orderId: again, fresh: false };
      if (request.roId !== config.ro.id)
        throw new GbaError('ro-unknown', 'we do not work with this registration operator');
      if (request.pvaId !== config.pva.id)
        throw new GbaError('pva-unknown', 'we do not work with this validation authority');
      checkOrderedToken(claims, {
        m2meId: request.m2meId,
        shoId: config.id,
        keyHashes,
        roId: config.ro.id,
        nowMs: clock.now(),
        skewMs,
      });
      if (device !== undefined) work.verifyDevice(device, request.m2meId);
      const orderId = toHex(random.bytes(16));
      const nonce = toHex(random.bytes(32));
      const record: OrderRecord = {
        v: 1,
        state: orderFlow.initial,
        m2meId: request.m2meId,
        owner: peer.spkiSha256,
        serial,
        impi: '',
        nonce,
        claims: claimsText,
        request: asked,
        since: clock.now(),
        steps: { 1: clock.now() },
        sealedToken: sealer.seal(request.token, tokenContext(orderId)),
      };
      const json = { orderId, m2meId: request.m2meId, nonce };
      for (let race = 0; ; race++) {
        const { impi, ops, stored } = await subscriptionFor(orderId, request);
        const done = await store.commit([
          { space: ORDER, key: orderId, expect: 0, put: { ...record, impi, ...stored } },
          { space: OPEN_ORDER, key: request.m2meId, expect: 0, put: orderId },
          { space: ORDER_OF_SERIAL, key: serial, expect: 0, put: orderId },
          ...ops,
          enqueue({ id: `validate/${orderId}`, to: config.pva.id, method: 'POST', path: '/sho/v1/validations', json }),
        ]);
        if (done) break;
        if ((await store.get(OPEN_ORDER, request.m2meId)) !== undefined) {
          throw new GbaError('order-open', 'this machine has an open order already');
        }
        // Another order took the same subscription first: take the next one.
        if (race === RACES) throw new GbaError('overloaded', 'too many orders at once', { retryable: true });
      }
      kick();
      step(1, 'owner', `order of ${request.m2meId} taken`, serial);
      return { orderId, fresh: true };
    },

    async stateOf(peer: PeerIdentity | undefined, orderId: string) {
      const entry = await findOrder(store, orderId);
      if (entry.value.owner !== peer?.spkiSha256) throw new GbaError('order-unknown', 'no such order');
      return await progressOf(store, entry);
    },

    /** Orders whose token ran out before anything was delivered: nobody else will end them. */
    async lapse(): Promise<void> {
      for (const { value: orderId } of await store.list<string>(OPEN_ORDER)) {
        const entry = await findOrder(store, orderId);
        const over = clock.now() > claimsOf(entry.value).notAfter + skewMs;
        if (over && orderFlow.can(entry.value.state, 'lapsed')) await refuse(entry, 'lapsed', 'token-expired');
      }
    },
  };
}
