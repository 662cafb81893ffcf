import { type Clock, GbaError, type Random, type Sealer, toHex } from '../base/index.ts';
import { dequeue, enqueue, type StepEvent } from '../flow/index.ts';
import type { PeerIdentity } from '../http/index.ts';
import { type Mcim, makePackage, packageDigest } from '../mcim/index.ts';
import type { Entry, Op, Store } from '../store/index.ts';
import { decodeClaims, narrowToken, readToken, readValidation, releaseLock } from '../token/index.ts';
import { type Signer, spkiSha256 } from '../x509/index.ts';
import type { ShoConfig } from './config.ts';
import { CUSTOMER } from './customers.ts';
import { type OrderEvent, type OrderState, orderFlow } from './flows.ts';
import { checkOrderedToken } from './procedures/check-token.ts';
import { checkValidation } from './procedures/check-validation.ts';
import type { OpenSubscription, Subscriptions } from './subscriptions.ts';

const ORDER = 'order';
const OPEN = 'open-order';
/** How often an order looks for another subscription when others were faster. */
const RACES = 64;
/** Work of our own that must be done although we crash: the outbox delivers it to ourselves. */
export const SELF = 'self';

interface OrderRecord {
  v: 1;
  state: OrderState;
  m2meId: string;
  /** SHA-256 of the key of the owner who ordered. */
  owner: string;
  serial: string;
  impi: string;
  /** The 32-octet challenge for the PVA, hexadecimal. */
  nonce: string;
  /** DER of the claims, base64. */
  claims: string;
  /** The token with tag0, sealed; gone once it has been narrowed. */
  sealedToken?: string;
  treCertificate?: string;
  reason?: string;
}

export interface OrderDeps {
  config: ShoConfig;
  store: Store;
  clock: Clock;
  random: Random;
  sealer: Sealer;
  signer: Signer;
  subscriptions: Subscriptions;
  /** SHA-256 of the PVA's signing key, hexadecimal. */
  pvaKey: string;
  provision(subscription: OpenSubscription): Promise<void>;
  removeSubscriber(impi: string): Promise<void>;
  /** Something was put into the outbox. */
  kick(): void;
  onStep?: ((event: StepEvent) => void) | undefined;
}

export interface OrderRequest {
  m2meId: string;
  roId: string;
  pvaId: string;
  token: Uint8Array;
}

export type Orders = ReturnType<typeof createOrders>;

/** The new SHO's part: takes orders, has the machine validated, packs, delivers, registers. */
export function createOrders(deps: OrderDeps) {
  const { config, store, clock, random, sealer, signer, subscriptions, kick } = deps;
  const keyHashes = [spkiSha256(signer.key)];
  const tokenContext = (orderId: string): string => `sho order ${orderId}`;
  const step = (number: number, to: string, what: string, serial: string): void =>
    deps.onStep?.({ step: number, party: config.id, to, what, serial });

  async function find(orderId: string): Promise<Entry<OrderRecord>> {
    const entry = await store.get<OrderRecord>(ORDER, orderId);
    if (entry === undefined) throw new GbaError('order-unknown', 'no such order');
    return entry;
  }

  /** One transition: the record by compare-and-set, together with whatever else it makes necessary. */
  async function move(
    entry: Entry<OrderRecord>,
    event: OrderEvent,
    change: Partial<OrderRecord>,
    ops: Op[],
  ): Promise<void> {
    const { value: record, key, version } = entry;
    const state = orderFlow.next(record.state, event);
    const close: Op[] = orderFlow.isFinal(state) ? [{ space: OPEN, key: record.m2meId, delete: true }] : [];
    const put = { ...record, ...change, state };
    const done = await store.commit([{ space: ORDER, key, expect: version, put }, ...close, ...ops]);
    if (!done) throw new GbaError('conflict', 'the order is being changed', { retryable: true });
    kick();
  }

  const selfJob = (name: string, orderId: string): Op =>
    enqueue({ id: `${name}/${orderId}`, to: SELF, method: 'RUN', path: `${name}/${orderId}` });

  async function refuse(entry: Entry<OrderRecord>, event: OrderEvent, reason: string): Promise<void> {
    const { sealedToken: _, ...rest } = entry.value;
    await move({ ...entry, value: rest }, event, { reason }, [
      selfJob('withdraw', entry.key),
      dequeue(`deliver/${entry.key}`),
    ]);
  }

  async function prepare(orderId: string): Promise<void> {
    const entry = await find(orderId);
    const record = entry.value;
    if (record.state !== 'preparing' || record.sealedToken === undefined || record.treCertificate === undefined) return;
    const subscription = await subscriptions.open(record.impi);
    try {
      // First the HSS: a package that arrives must work.
      await deps.provision(subscription);
      const mcim: Mcim = {
        impi: subscription.impi,
        algorithm: 'milenage',
        k: subscription.k,
        opc: subscription.opc,
        indBits: config.indBits,
        bsf: { fqdn: config.bsf.fqdn, url: config.bsf.publicUrl },
        sho: { id: config.id, url: config.publicUrl },
      };
      const sealed = sealer.open(record.sealedToken, tokenContext(orderId));
      const token = readToken(sealed.bytes());
      sealed.erase();
      const packed = await makePackage({
        mcim,
        newShoId: config.id,
        m2meId: record.m2meId,
        serial: token.claims.serial,
        signer,
        recipientCertificate: Buffer.from(record.treCertificate, 'base64'),
        random,
      });
      const bound = narrowToken(token, packageDigest(packed), config.id);
      token.tag0.erase();
      const json = {
        orderId,
        m2meId: record.m2meId,
        boundToken: bound.toString('base64'),
        package: packed.toString('base64'),
      };
      const { sealedToken: _, ...rest } = record;
      const message = { id: `deliver/${orderId}`, to: config.ro.id, method: 'POST', path: '/sho/v1/deliveries', json };
      const customer = { v: 1, owner: record.owner, impi: record.impi };
      await move({ ...entry, value: rest }, 'packaged', {}, [
        enqueue(message),
        { space: CUSTOMER, key: record.m2meId, put: customer },
      ]);
    } finally {
      subscription.k.erase();
      subscription.opc.erase();
    }
  }

  return {
    keyHashes,

    /** Step 1. The same token ordered again by the same owner is the same order. */
    async take(peer: PeerIdentity | undefined, request: OrderRequest): Promise<{ orderId: string; fresh: boolean }> {
      if (peer === undefined) throw new GbaError('unauthenticated', 'a client certificate is required');
      const { claims, claimsDer, tag0 } = readToken(request.token);
      tag0.erase();
      if (request.roId !== config.ro.id)
        throw new GbaError('ro-unknown', 'we do not work with this registration operator');
      if (request.pvaId !== config.pva.id)
        throw new GbaError('pva-unknown', 'we do not work with this validation authority');
      const expected = {
        m2meId: request.m2meId,
        shoId: config.id,
        keyHashes,
        roId: config.ro.id,
        nowMs: clock.now(),
        skewMs: config.clockSkewSeconds * 1000,
      };
      checkOrderedToken(claims, expected);
      const serial = toHex(claims.serial);
      const known = await store.get<string>('order-of-serial', serial);
      if (known !== undefined) {
        const { value } = await find(known.value);
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
        const { impi, op } = await subscriptions.take(orderId, random);
        const done = await store.commit([
          { space: ORDER, key: orderId, expect: 0, put: { ...record, impi } },
          { space: OPEN, key: request.m2meId, expect: 0, put: orderId },
          { space: 'order-of-serial', key: serial, expect: 0, put: orderId },
          op,
          enqueue({ id: `validate/${orderId}`, to: config.pva.id, method: 'POST', path: '/sho/v1/validations', json }),
        ]);
        if (done) break;
        if ((await store.get(OPEN, request.m2meId)) !== undefined) {
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
      const { value } = await find(orderId);
      if (value.owner !== peer?.spkiSha256) throw new GbaError('order-unknown', 'no such order');
      return {
        orderId,
        m2meId: value.m2meId,
        state: value.state,
        ...(value.reason === undefined ? {} : { reason: value.reason }),
      };
    },

    /** Step 5. */
    async validated(orderId: string, der: Uint8Array): Promise<void> {
      const result = await readValidation(der);
      const entry = await find(orderId);
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
      const entry = await find(orderId);
      const claims = decodeClaims(Buffer.from(entry.value.claims, 'base64'));
      if (!releaseLock(r).equals(claims.releaseLock)) {
        throw new GbaError('release-invalid', 'this does not open the release lock');
      }
      if (!orderFlow.can(entry.value.state, 'release-shown')) {
        if (['released', 'registering', 'done', 'failed'].includes(entry.value.state)) return;
        throw new GbaError('out-of-order', 'nothing was delivered for this order yet', { retryable: true });
      }
      await move(entry, 'release-shown', {}, [dequeue(`deliver/${orderId}`)]);
      step(11, config.ro.id, 'the old operator has let go', entry.value.serial);
    },

    /** Step 13; a success asks the RO for the registration (14) in the same commit. */
    async result(orderId: string, outcome: 'success' | 'failure', reason: string): Promise<void> {
      const entry = await find(orderId);
      const { state, m2meId, serial, impi } = entry.value;
      const registration = enqueue({
        id: `register/${orderId}`,
        to: config.ro.id,
        method: 'POST',
        path: '/sho/v1/registrations',
        json: { orderId, m2meId, impi },
      });
      if (state === 'registering') {
        // A reminder of the RO: ask again.
        await store.commit([registration]);
        kick();
        return;
      }
      if (state === 'done' || state === 'failed') return;
      if (state !== 'released')
        throw new GbaError('out-of-order', 'the release was not shown yet', { retryable: true });
      if (outcome === 'success') await move(entry, 'result-success', {}, [registration]);
      else await move(entry, 'result-failure', { reason }, []);
      step(13, config.ro.id, `result: ${outcome}`, serial);
    },

    /** The machine refused for good before step 8. */
    async refusedByMachine(orderId: string, reason: string): Promise<void> {
      const entry = await find(orderId);
      if (entry.value.state === 'refused') return;
      await refuse(entry, 'machine-refused', reason);
    },

    /** An outbox message of ours was taken by its receiver. */
    async taken(messageId: string): Promise<void> {
      const [kind, orderId = ''] = messageId.split('/');
      if (kind === 'validate')
        step(3, config.pva.id, 'asked to validate the machine', (await find(orderId)).value.serial);
      if (kind !== 'deliver' && kind !== 'register') return;
      const entry = await find(orderId);
      const event = kind === 'deliver' ? 'delivery-taken' : 'registered';
      if (!orderFlow.can(entry.value.state, event)) return;
      await move(entry, event, {}, []);
      const [number, what] =
        kind === 'deliver' ? [6, 'package and bound token delivered'] : [14, `${entry.value.m2meId} registered`];
      step(Number(number), config.ro.id, String(what), entry.value.serial);
    },

    /** An outbox message of ours was refused for good. */
    async refusedByPeer(messageId: string, code: string): Promise<void> {
      const [kind, orderId = ''] = messageId.split('/');
      const entry = await find(orderId);
      if (kind === 'validate' && entry.value.state === 'validating') await refuse(entry, 'validation-negative', code);
      if (kind === 'deliver' && entry.value.state === 'delivering') await refuse(entry, 'delivery-refused', code);
    },

    /** Work that the outbox gives back to us: `prepare/<order>` and `withdraw/<order>`. */
    async run(job: string): Promise<void> {
      const [kind, orderId = ''] = job.split('/');
      if (kind === 'prepare') await prepare(orderId);
      if (kind === 'withdraw') await deps.removeSubscriber((await find(orderId)).value.impi);
    },
  };
}
