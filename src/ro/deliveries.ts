import { codeOf, equalBytes, toHex } from '../base/index.ts';
import { UA_TOKEN } from '../gba/index.ts';
import type { Entry } from '../store/index.ts';
import { makeRelease, readBoundToken, readRelay, readResult, releaseLock } from '../token/index.ts';
import { type Book, createBook, type DeliveryDeps, refused } from './book.ts';
import { createCorrections } from './corrections.ts';
import { deliveryFlow } from './flow.ts';
import { createIntake } from './intake.ts';
import { erasePin, findPin, MAX_PINS, makePin } from './pins.ts';
import { DELIVERY, type DeliveryRecord, OPEN, PACKAGE } from './records.ts';
import { createRegistering } from './registering.ts';

export type Deliveries = ReturnType<typeof createDeliveries>;

/** The download and provisioning part of the RO. It can delay; it can read, swap and forge nothing. */
export function createDeliveries(deps: DeliveryDeps) {
  const book = createBook(deps);
  return {
    ...createIntake(deps, book),
    ...createHandingOut(deps, book),
    ...createCorrections(deps, book),
    ...createRegistering(deps, book),
  };
}

/** What machines do with a delivery (7 to 13). */
function createHandingOut(deps: DeliveryDeps, { find, commit, toSho, step }: Book) {
  const { config, store, clock, sealer, zn, registrations } = deps;

  /** The machine's own delivery, by the subscription it proved. */
  async function ofMachine(m2meId: string, impi: string | undefined): Promise<Entry<DeliveryRecord> | undefined> {
    await registrations.bind(m2meId, impi);
    const serial = (await store.get<string>(OPEN, m2meId))?.value;
    return serial === undefined ? undefined : await store.get<DeliveryRecord>(DELIVERY, serial);
  }

  return {
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
        toSho(record, 'results', { orderId: record.orderId, outcome, reason, digest: toHex(result.packageDigest) }),
      ]);
      if (outcome === 'success') for (const pin of record.pins) deps.forget(pin.btid);
      step(13, record.sho, `result: ${outcome}`, serial);
    },
  };
}
