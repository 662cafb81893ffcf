import { type Clock, codeOf, equalBytes, GbaError, type Sealer, toHex } from '../base/index.ts';
import { enqueue, type StepEvent } from '../flow/index.ts';
import { UA_TOKEN } from '../gba/index.ts';
import { packageDigest } from '../mcim/index.ts';
import type { ZnClient } from '../naf/index.ts';
import type { Entry, Op, Store } from '../store/index.ts';
import { makeRelease, readBoundToken, readRelay, readResult, releaseLock } from '../token/index.ts';
import type { RoConfig } from './config.ts';
import { deliveryFlow } from './flow.ts';
import { erasePin, findPin, MAX_PINS, makePin } from './pins.ts';
import { DELIVERY, type DeliveryRecord, OPEN, ORDER, PACKAGE } from './records.ts';
import type { Registrations } from './registrations.ts';

export interface DeliveryDeps {
  config: RoConfig;
  store: Store;
  clock: Clock;
  sealer: Sealer;
  zn: ZnClient;
  registrations: Registrations;
  /** Drops the cached Ua keys of a B-TID. */
  forget(btid: string): void;
  /** Something was put into the outbox. */
  kick(): void;
  onStep?: ((event: StepEvent) => void) | undefined;
}

export interface DeliveryRequest {
  orderId: string;
  m2meId: string;
  boundToken: Uint8Array;
  /** SHA-256 of the package, 32 octets. */
  digest: Uint8Array;
  /** Left out when the machine holds the package of this digest already. */
  package?: Uint8Array | undefined;
}

export type Deliveries = ReturnType<typeof createDeliveries>;

/** The download and provisioning part of the RO. It can delay; it can read, swap and forge nothing. */
export function createDeliveries(deps: DeliveryDeps) {
  const { config, store, clock, sealer, zn, registrations, kick } = deps;
  const orderKey = (sho: string, orderId: string): string => `${sho}/${orderId}`;
  const step = (number: number, to: string, what: string, serial: string): void =>
    deps.onStep?.({ step: number, party: config.id, to, what, serial });

  async function find(serial: string, refusal: string): Promise<Entry<DeliveryRecord>> {
    const entry = await store.get<DeliveryRecord>(DELIVERY, serial || '-');
    if (entry === undefined) throw refused(refusal);
    return entry;
  }

  async function commit(entry: Entry<DeliveryRecord>, put: DeliveryRecord, ops: readonly Op[]): Promise<void> {
    const closes = deliveryFlow.isFinal(put.state) && !deliveryFlow.isFinal(entry.value.state);
    const close: Op[] = closes
      ? [
          { space: OPEN, key: put.m2meId, delete: true },
          { space: PACKAGE, key: entry.key, delete: true },
        ]
      : [];
    const done = await store.commit([
      { space: DELIVERY, key: entry.key, expect: entry.version, put },
      ...close,
      ...ops,
    ]);
    if (!done) throw new GbaError('conflict', 'the delivery is being changed', { retryable: true });
    kick();
  }

  const toSho = (record: DeliveryRecord, kind: string, json: object): Op =>
    enqueue({ id: `${kind}/${record.orderId}`, to: record.sho, method: 'POST', path: `/ro/v1/${kind}`, json });

  /** After a reported failure: another package under the same claims. Only forward: the token's validity is over by now or not. */
  async function correct(
    entry: Entry<DeliveryRecord>,
    { boundToken, digest, size, package: octets }: DeliveryRequest & { size: number },
  ): Promise<string> {
    const { key, value } = entry;
    if (octets === undefined) throw new GbaError('package-missing', 'a correction brings a package');
    const state = deliveryFlow.next(value.state, 'correction');
    const changed = { state, boundToken: Buffer.from(boundToken).toString('base64'), digest: toHex(digest), size };
    await commit(entry, { ...value, ...changed }, packageOps(key, octets));
    step(6, value.sho, 'corrected package taken', key);
    return key;
  }

  /** The machine's own delivery, by the subscription it proved. */
  async function ofMachine(m2meId: string, impi: string | undefined): Promise<Entry<DeliveryRecord> | undefined> {
    await registrations.bind(m2meId, impi);
    const serial = (await store.get<string>(OPEN, m2meId))?.value;
    return serial === undefined ? undefined : await store.get<DeliveryRecord>(DELIVERY, serial);
  }

  /** The delivery whose machine reports a failure of an older package than the one that is here now. */
  async function reported(der: Uint8Array): Promise<Entry<DeliveryRecord>> {
    const result = readResult(der);
    const serial = toHex(result.serial);
    const entry = await find(serial, 'result-invalid');
    const keys = findPin(sealer, serial, entry.value.pins, (pin) => result.matches(pin.result));
    if (keys === undefined || result.outcome !== 'failure') {
      throw refused('result-invalid');
    }
    erasePin(keys);
    return entry;
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
      if (!done) throw new GbaError('delivery-open', 'this machine has an open delivery already');
      step(6, sho, 'package and bound token taken', serial);
      return serial;
    },

    /** Step 7, the offer: pins the keys of the bootstrap the machine came with. */
    async offer(m2meId: string, gba: { btid: string; impi?: string }) {
      const entry = await ofMachine(m2meId, gba.impi);
      if (entry === undefined || !['open', 'offered'].includes(entry.value.state)) return undefined;
      const record = entry.value;
      if (!record.pins.some((pin) => pin.btid === gba.btid)) {
        const { ksNaf } = await zn.fetch({ btid: gba.btid, nafFqdn: config.id, uaId: UA_TOKEN });
        const pin = makePin(sealer, Buffer.from(entry.key, 'hex'), gba.btid, ksNaf);
        ksNaf.erase();
        const state = record.state === 'open' ? deliveryFlow.next(record.state, 'offer') : record.state;
        await commit(entry, { ...record, state, pins: [...record.pins, pin].slice(-MAX_PINS) }, []);
        step(7, m2meId, 'offered', entry.key);
      }
      const { boundToken, size, digest } = record;
      return { serial: entry.key, boundToken, size, digest, chunkBytes: config.chunkBytes };
    },

    /** The octets of the machine's own package. */
    async packageOf(serial: string, impi: string | undefined): Promise<Buffer> {
      const { value } = await find(serial, 'delivery-unknown');
      const own = await ofMachine(value.m2meId, impi).catch(() => undefined);
      const octets = own?.key === serial ? await store.get<string>(PACKAGE, serial) : undefined;
      if (octets === undefined) throw refused('delivery-unknown');
      return Buffer.from(octets.value, 'base64');
    },

    /** The machine refused for good before step 8. */
    async refused(serial: string, impi: string | undefined, reason: string): Promise<void> {
      const entry = await find(serial, 'delivery-unknown');
      await registrations.bind(entry.value.m2meId, impi).catch((error: unknown) => {
        throw codeOf(error) === 'machine-unknown' ? refused('delivery-unknown') : error;
      });
      if (entry.value.state === 'refused') return;
      const state = deliveryFlow.next(entry.value.state, 'refusal');
      const json = { orderId: entry.value.orderId, reason };
      await commit(entry, { ...entry.value, state, reason }, [toSho(entry.value, 'refusals', json)]);
    },

    /** Steps 11 and 12: relays r and nothing else; the answer is the release, the same for every repeat. */
    async acknowledged(der: Uint8Array): Promise<Buffer> {
      const relay = readRelay(der);
      const serial = toHex(relay.serial);
      const entry = await find(serial, 'acknowledgement-invalid');
      const record = entry.value;
      const keys = findPin(sealer, serial, record.pins, (pin) => relay.matches(pin.relay));
      const { claims } = await readBoundToken(Buffer.from(record.boundToken, 'base64'));
      if (keys === undefined || !equalBytes(releaseLock(relay.r), claims.releaseLock)) {
        throw refused('acknowledgement-invalid');
      }
      const release = makeRelease({ serial: relay.serial }, keys.activate);
      const keyId = keys.activate.id();
      erasePin(keys);
      if (record.state === 'offered') {
        const json = { orderId: record.orderId, r: toHex(relay.r) };
        await commit(entry, { ...record, state: deliveryFlow.next(record.state, 'acknowledgement') }, [
          toSho(record, 'releases', json),
          ...(await registrations.withdraw(record.m2meId)),
        ]);
        step(11, record.sho, 'acknowledgement relayed, without a name', serial);
      } else if (!['released', 'succeeded', 'registered', 'failed'].includes(record.state)) {
        throw refused('acknowledgement-invalid');
      }
      deps.onStep?.({ step: 12, party: config.id, to: record.m2meId, what: 'released', serial, keyId });
      return release;
    },

    /** Step 13. */
    async result(der: Uint8Array): Promise<void> {
      const result = readResult(der);
      const serial = toHex(result.serial);
      const entry = await find(serial, 'result-invalid');
      const record = entry.value;
      const keys = findPin(sealer, serial, record.pins, (pin) => result.matches(pin.result));
      if (keys === undefined) throw refused('result-invalid');
      erasePin(keys);
      const { outcome, reason } = result;
      const event = outcome === 'success' ? 'result-success' : 'result-failure';
      // A failure of an older package, said again: the corrected one is on its way.
      if (outcome === 'failure' && toHex(result.packageDigest) !== record.digest && record.state !== 'offered') return;
      if (!deliveryFlow.can(record.state, event)) {
        const known = record.state === 'registered' ? 'succeeded' : record.state;
        if (known === (outcome === 'success' ? 'succeeded' : 'failed')) return;
        throw refused('result-invalid');
      }
      const state = deliveryFlow.next(record.state, event);
      const at = outcome === 'success' ? { succeededAt: clock.now() } : {};
      await commit(entry, { ...record, state, reason, ...at }, [
        toSho(record, 'results', { orderId: record.orderId, outcome, reason }),
      ]);
      if (outcome === 'success') for (const pin of record.pins) deps.forget(pin.btid);
      step(13, record.sho, `result: ${outcome}`, serial);
    },

    /**
     * The corrected package for a machine that reported a failure: it has no subscription to prove, so the MACed report
     * (message 13) itself is the question. Undefined while the new SHO has sent none.
     */
    async correction(der: Uint8Array) {
      const entry = await reported(der);
      const { state, boundToken, size, digest } = entry.value;
      if (state !== 'released') return undefined;
      return { serial: entry.key, boundToken, size, digest, chunkBytes: config.chunkBytes };
    },

    async correctedPackage(der: Uint8Array): Promise<Buffer> {
      const { key, value } = await reported(der);
      const octets = value.state === 'released' ? await store.get<string>(PACKAGE, key) : undefined;
      if (octets === undefined) throw refused('delivery-unknown');
      return Buffer.from(octets.value, 'base64');
    },

    /** Step 14: only the new SHO of this delivery, only after 13. */
    async register(sho: string, orderId: string, m2meId: string, impi?: string): Promise<void> {
      const serial = (await store.get<string>(ORDER, orderKey(sho, orderId)))?.value;
      const entry = serial === undefined ? undefined : await store.get<DeliveryRecord>(DELIVERY, serial);
      const fits = entry?.value.m2meId === m2meId && entry.value.sho === sho;
      if (fits && entry.value.state === 'registered') return;
      if (!fits || entry.value.state !== 'succeeded') {
        throw new GbaError('registration-refused', 'this machine is not to be registered by this operator now');
      }
      const state = deliveryFlow.next(entry.value.state, 'registration');
      await commit(entry, { ...entry.value, state }, await registrations.register(m2meId, sho, impi));
      step(14, sho, `${m2meId} subscribes to ${sho}`, entry.key);
    },

    /** Tells new SHOs that forgot step 14 the result once more. */
    async remind(): Promise<void> {
      const before = clock.now() - config.reminderSeconds * 1000;
      for (const { value } of await store.list<DeliveryRecord>(DELIVERY)) {
        if (value.state !== 'succeeded' || (value.succeededAt ?? 0) > before) continue;
        await store.commit([toSho(value, 'results', { orderId: value.orderId, outcome: 'success', reason: '' })]);
        kick();
      }
    },
  };
}

/** One text for all that is wrong: a stranger does not learn which serials are here. */
const refused = (code: string): GbaError => new GbaError(code, 'no such delivery, or not yours to speak for');

/** The octets of a package, in a record of their own; none when the machine holds them. */
function packageOps(serial: string, octets: Uint8Array | undefined): Op[] {
  if (octets === undefined) return [];
  return [{ space: PACKAGE, key: serial, put: Buffer.from(octets).toString('base64') }];
}
