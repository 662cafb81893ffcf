import { equalBytes, GbaError } from '../base/index.ts';
import { dequeue, enqueue } from '../flow/index.ts';
import { readValidation, releaseLock } from '../token/index.ts';
import { orderFlow } from './flows.ts';
import { createOrderBook, type OrderBook } from './order-book.ts';
import { claimsOf, findOrder, type OrderDeps } from './order-record.ts';
import { createOrdering, type OrderingWork } from './ordering.ts';
import { createPacking, type PackingWork } from './packing.ts';
import { checkValidation } from './procedures/check-validation.ts';
import { differs, fingerprint } from './repeats.ts';

/** Message 13 as the RO relays it; `digest` (hex) of the package that it is about. */
export interface ReportedResult {
  outcome: 'success' | 'failure';
  reason: string;
  digest: string;
}

export type Orders = ReturnType<typeof createOrders>;

/** The new SHO's part: takes orders, has the machine validated, packs, delivers, corrects, registers. */
export function createOrders(deps: OrderDeps, work: OrderingWork & PackingWork, kick: () => void) {
  const book = createOrderBook(deps, kick);
  return { ...createOrdering(deps, work, book), ...createPacking(deps, work, book), ...createProgress(deps, book) };
}

/** What PVA and RO report (5 to 14), and how our own messages fared. */
function createProgress({ config, store, clock, pvaKey }: OrderDeps, { move, selfJob, refuse, step, kick }: OrderBook) {
  return {
    /** Step 5. */
    async validated(orderId: string, der: Uint8Array): Promise<void> {
      const result = await readValidation(der);
      const entry = await findOrder(store, orderId);
      const { m2meId, nonce, serial, state } = entry.value;
      const validation = fingerprint(der);
      // The same result again may be over by now.
      if (entry.value.validation === validation) return;
      checkValidation(result, {
        orderId,
        m2meId,
        nonce: Buffer.from(nonce, 'hex'),
        pvaKey: pvaKey,
        nowMs: clock.now(),
      });
      if (entry.value.validation !== undefined) throw differs();
      if (state !== 'validating') return;
      if (!result.positive) {
        await refuse(entry, 'validation-negative', result.reason, { validation });
        step(5, config.pva.id, `validation negative: ${result.reason}`, serial);
        return;
      }
      const treCertificate = result.treCertificate.toString('base64');
      await move(entry, 'validation-positive', { treCertificate, validation }, [selfJob('prepare', orderId)]);
      step(5, config.pva.id, 'validation positive', serial);
    },

    /** Step 11: r itself, checked against the lock by us. */
    async released(orderId: string, r: Uint8Array): Promise<void> {
      const entry = await findOrder(store, orderId);
      const { value } = entry;
      if (!equalBytes(releaseLock(r), claimsOf(value).releaseLock)) {
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
    async result(orderId: string, { outcome, reason, digest }: ReportedResult): Promise<void> {
      const entry = await findOrder(store, orderId);
      const { state, m2meId, serial, impi, sentDigest, corrections = 0 } = entry.value;
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
      if (outcome === 'failure' && digest === sentDigest && SUCCEEDED.includes(state)) throw differs();
      if (orderFlow.isFinal(state)) return;
      // The failure of an older package, said again; the one that is being answered has been counted already.
      if (outcome === 'failure' && (digest !== sentDigest || state === 'correcting')) return;
      // Before the release was shown, or before we know that the corrected package was taken: the RO says it again.
      if (state !== 'released') {
        throw new GbaError('out-of-order', 'this order is not at its result yet', { retryable: true });
      }
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
  };
}

const SUCCEEDED = ['registering', 'done'];
const AFTER_RELEASE = ['released', 'correcting', 'redelivering', 'registering', 'done', 'failed'];
