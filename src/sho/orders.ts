import { GbaError, toHex } from '../base/index.ts';
import { dequeue, enqueue } from '../flow/index.ts';
import type { PeerIdentity } from '../http/index.ts';
import type { Entry, Op } from '../store/index.ts';
import { openToken, readValidation, releaseLock } from '../token/index.ts';
import { type Certificate, spkiSha256 } from '../x509/index.ts';
import { type OrderEvent, orderFlow } from './flows.ts';
import {
  claimsOf,
  findOrder,
  OPEN_ORDER,
  ORDER,
  ORDER_OF_SERIAL,
  type OrderDeps,
  type OrderRecord,
  tokenContext,
} from './order-record.ts';
import type { Packaging } from './packaging.ts';
import type { Preloads } from './preloads.ts';
import { checkOrderedToken } from './procedures/check-token.ts';
import { checkValidation } from './procedures/check-validation.ts';
import type { OpenSubscription } from './subscriptions.ts';

/** How often an order looks for another subscription when others were faster. */
const RACES = 64;
/** Work of our own that must be done although we crash: the outbox delivers it to ourselves. */
export const SELF = 'self';

export interface OrderRequest {
  m2meId: string;
  roId: string;
  pvaId: string;
  token: Uint8Array;
  /** The machine holds the subscription already, in a slot of its own. */
  bothPresent?: boolean | undefined;
}

export interface OrderWork {
  packaging: Packaging;
  preloads: Preloads;
  provision(subscription: OpenSubscription): Promise<void>;
  removeSubscriber(impi: string): Promise<void>;
  /** Signed variant: throws when this device certificate is not to be trusted for the machine now. */
  verifyDevice(certificate: Certificate, m2meId: string): void;
  /** Something was put into the outbox. */
  kick(): void;
}

export type Orders = ReturnType<typeof createOrders>;

/** The new SHO's part: takes orders, has the machine validated, packs, delivers, corrects, registers. */
export function createOrders(deps: OrderDeps, work: OrderWork) {
  const { config, store, clock, random, sealer, subscriptions, contracts } = deps;
  const { kick } = work;
  const keyHashes = deps.signers.map(({ key }) => spkiSha256(key));
  const skewMs = config.clockSkewSeconds * 1000;
  const step = (number: number, to: string, what: string, serial: string): void =>
    deps.onStep?.({ step: number, party: config.id, to, what, serial });

  /** One transition: the record by compare-and-set, together with whatever else it makes necessary. */
  async function move(
    entry: Entry<OrderRecord>,
    event: OrderEvent,
    change: Partial<OrderRecord>,
    ops: Op[],
  ): Promise<void> {
    const { value, key, version } = entry;
    const state = orderFlow.next(value.state, event);
    const ended = orderFlow.isFinal(state);
    const { sealedToken, ...rest } = value;
    const close: Op[] = ended ? [{ space: OPEN_ORDER, key: value.m2meId, delete: true }] : [];
    const kept = ended || sealedToken === undefined ? {} : { sealedToken };
    const put: OrderRecord = { ...rest, ...kept, ...change, state };
    const done = await store.commit([{ space: ORDER, key, expect: version, put }, ...close, ...ops]);
    if (!done) throw new GbaError('conflict', 'the order is being changed', { retryable: true });
    kick();
  }

  const selfJob = (name: string, orderId: string): Op =>
    enqueue({ id: `${name}/${orderId}`, to: SELF, method: 'RUN', path: `${name}/${orderId}` });

  const refuse = (entry: Entry<OrderRecord>, event: OrderEvent, reason: string): Promise<void> =>
    move(entry, event, { reason }, [selfJob('withdraw', entry.key), dequeue(`deliver/${entry.key}`)]);

  /** Step 6, and again after a failed activation: first the HSS, because a package that arrives must work. */
  async function prepare(orderId: string): Promise<void> {
    const entry = await findOrder(store, orderId);
    const record = entry.value;
    if (!orderFlow.can(record.state, 'packaged')) return;
    const subscription = await subscriptions.open(record.impi);
    try {
      await work.provision(subscription);
      const packed = await work.packaging.pack(orderId, record, subscription);
      const json = { orderId, m2meId: record.m2meId, ...packed };
      const kind = record.state === 'correcting' ? 'redeliver' : 'deliver';
      const message = { id: `${kind}/${orderId}`, to: config.ro.id, method: 'POST', path: '/sho/v1/deliveries', json };
      await move(entry, 'packaged', {}, [enqueue(message), contracts.signOp(record.m2meId, record.owner, record.impi)]);
    } catch (error) {
      if (!(error instanceof GbaError) || error.code !== 'signing-key-retired') throw error;
      if (record.state === 'correcting') await move(entry, 'unpackable', { reason: error.code }, []);
      else await refuse(entry, 'unpackable', error.code);
    } finally {
      subscription.k.erase();
      subscription.opc.erase();
    }
  }

  /** The subscription for an order: the one the machine holds already, or any that is free. */
  async function subscriptionFor(orderId: string, request: OrderRequest) {
    if (request.bothPresent !== true) return { ...(await subscriptions.take(orderId, random)), stored: {} };
    const preload = await work.preloads.of(request.m2meId);
    if (preload === undefined) {
      throw new GbaError('preload-unknown', 'this machine holds no subscription of ours');
    }
    return { impi: preload.impi, ops: [], stored: { storedDigest: preload.digest } };
  }

  return {
    keyHashes,

    /** Step 1. The same token ordered again by the same owner is the same order. */
    async take(peer: PeerIdentity | undefined, request: OrderRequest): Promise<{ orderId: string; fresh: boolean }> {
      if (peer === undefined) throw new GbaError('unauthenticated', 'a client certificate is required');
      const { claims, claimsDer, device, erase } = await openToken(request.token);
      erase();
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
      const serial = toHex(claims.serial);
      const known = await store.get<string>(ORDER_OF_SERIAL, serial);
      if (known !== undefined) {
        const { value } = await findOrder(store, known.value);
        const same = value.owner === peer.spkiSha256 && value.claims === claimsDer.toString('base64');
        if (!same) throw new GbaError('token-serial-spent', 'this token was ordered with already');
        return { orderId: known.value, fresh: false };
      }
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
        claims: claimsDer.toString('base64'),
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
      const { value } = await findOrder(store, orderId);
      if (value.owner !== peer?.spkiSha256) throw new GbaError('order-unknown', 'no such order');
      const { m2meId, state, reason } = value;
      return { orderId, m2meId, state, ...(reason === undefined ? {} : { reason }) };
    },

    /** Step 5. */
    async validated(orderId: string, der: Uint8Array): Promise<void> {
      const result = await readValidation(der);
      const entry = await findOrder(store, orderId);
      const { m2meId, nonce, serial, state } = entry.value;
      checkValidation(result, {
        orderId,
        m2meId,
        nonce: Buffer.from(nonce, 'hex'),
        pvaKey: deps.pvaKey,
        nowMs: clock.now(),
      });
      if (state !== 'validating') return;
      if (!result.positive) {
        await refuse(entry, 'validation-negative', result.reason);
        step(5, config.pva.id, `validation negative: ${result.reason}`, serial);
        return;
      }
      const treCertificate = result.treCertificate.toString('base64');
      await move(entry, 'validation-positive', { treCertificate }, [selfJob('prepare', orderId)]);
      step(5, config.pva.id, 'validation positive', serial);
    },

    /** Step 11: r itself, checked against the lock by us. */
    async released(orderId: string, r: Uint8Array): Promise<void> {
      const entry = await findOrder(store, orderId);
      const { value } = entry;
      if (!releaseLock(r).equals(claimsOf(value).releaseLock)) {
        throw new GbaError('release-invalid', 'this does not open the release lock');
      }
      if (!orderFlow.can(value.state, 'release-shown')) {
        if (AFTER_RELEASE.includes(value.state)) return;
        throw new GbaError('out-of-order', 'nothing was delivered for this order yet', { retryable: true });
      }
      await move(entry, 'release-shown', {}, [dequeue(`deliver/${orderId}`)]);
      step(11, config.ro.id, 'the old operator has let go', value.serial);
    },

    /** Step 13. A success asks the RO for the registration (14), a failure brings a corrected package; in the same commit. */
    async result(orderId: string, outcome: 'success' | 'failure', reason: string): Promise<void> {
      const entry = await findOrder(store, orderId);
      const { state, m2meId, serial, impi, corrections = 0 } = entry.value;
      const registration = enqueue({
        id: `register/${orderId}`,
        to: config.ro.id,
        method: 'POST',
        path: '/sho/v1/registrations',
        json: { orderId, m2meId, impi },
      });
      if (state === 'registering' && outcome === 'success') {
        // A reminder of the RO: ask again.
        await store.commit([registration]);
        kick();
        return;
      }
      if (
        orderFlow.isFinal(state) ||
        (outcome === 'failure' && state !== 'released' && AFTER_RELEASE.includes(state))
      ) {
        return;
      }
      if (state !== 'released')
        throw new GbaError('out-of-order', 'the release was not shown yet', { retryable: true });
      if (outcome === 'success') await move(entry, 'result-success', {}, [registration]);
      else await move(entry, 'result-failure', { reason, corrections: corrections + 1 }, [selfJob('correct', orderId)]);
      step(13, config.ro.id, `result: ${outcome}`, serial);
    },

    /** The machine refused for good before step 8. */
    async refusedByMachine(orderId: string, reason: string): Promise<void> {
      const entry = await findOrder(store, orderId);
      if (entry.value.state === 'refused') return;
      await refuse(entry, 'machine-refused', reason);
    },

    /** An outbox message of ours was taken by its receiver. */
    async taken(messageId: string): Promise<void> {
      const [kind, orderId = ''] = messageId.split('/');
      if (kind === 'validate')
        step(3, config.pva.id, 'asked to validate the machine', (await findOrder(store, orderId)).value.serial);
      if (kind !== 'deliver' && kind !== 'redeliver' && kind !== 'register') return;
      const entry = await findOrder(store, orderId);
      const event = kind === 'register' ? 'registered' : 'delivery-taken';
      if (!orderFlow.can(entry.value.state, event)) return;
      await move(entry, event, {}, []);
      const { serial, m2meId } = entry.value;
      if (kind === 'register') step(14, config.ro.id, `${m2meId} registered`, serial);
      else
        step(6, config.ro.id, kind === 'deliver' ? 'package and bound token delivered' : 'corrected package', serial);
    },

    /** An outbox message of ours was refused for good. */
    async refusedByPeer(messageId: string, code: string): Promise<void> {
      const [kind, orderId = ''] = messageId.split('/');
      const entry = await findOrder(store, orderId);
      const { state } = entry.value;
      if (kind === 'validate' && state === 'validating') await refuse(entry, 'validation-negative', code);
      if (kind === 'deliver' && state === 'delivering') await refuse(entry, 'delivery-refused', code);
      if (kind === 'redeliver' && state === 'redelivering') await move(entry, 'delivery-refused', { reason: code }, []);
    },

    /** Orders whose token ran out before anything was delivered: nobody else will end them. */
    async lapse(): Promise<void> {
      for (const { value: orderId } of await store.list<string>(OPEN_ORDER)) {
        const entry = await findOrder(store, orderId);
        const over = clock.now() > claimsOf(entry.value).notAfter + skewMs;
        if (over && orderFlow.can(entry.value.state, 'lapsed')) await refuse(entry, 'lapsed', 'token-expired');
      }
    },

    /** Work that the outbox gives back to us: `prepare/<order>`, `correct/<order>` and `withdraw/<order>`. */
    async run(job: string): Promise<void> {
      const [kind, orderId = ''] = job.split('/');
      if (kind === 'withdraw') {
        await work.removeSubscriber((await findOrder(store, orderId)).value.impi);
        return;
      }
      const entry = await findOrder(store, orderId);
      const { state, corrections = 0 } = entry.value;
      if (state === 'correcting' && corrections > config.maxCorrections) await move(entry, 'unpackable', {}, []);
      else await prepare(orderId);
    },
  };
}

const AFTER_RELEASE = ['released', 'correcting', 'redelivering', 'registering', 'done', 'failed'];
