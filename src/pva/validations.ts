import { type Clock, GbaError } from '../base/index.ts';
import { enqueue, type StepEvent } from '../flow/index.ts';
import type { Store } from '../store/index.ts';
import { makeValidation, readQuote } from '../token/index.ts';
import type { DeviceCheck, Signer } from '../x509/index.ts';
import type { PvaConfig } from './config.ts';
import { type ValidationState, validationFlow } from './flow.ts';
import { judgeQuote } from './procedures/judge.ts';

export const VALIDATION = 'validation';
/** Which validation a machine has to answer: one for each new SHO, so that none can push another's aside. */
export const OPEN = 'open-validation';

interface ValidationRecord {
  v: 1;
  state: ValidationState;
  orderId: string;
  m2meId: string;
  sho: string;
  /** The new SHO's challenge, hexadecimal. */
  nonce: string;
  reason?: string;
}

export interface ValidationDeps {
  store: Store;
  clock: Clock;
  config: PvaConfig;
  signer: Signer;
  checkDevice: DeviceCheck;
  /** Something was put into the outbox. */
  kick(): void;
  onStep?: ((event: StepEvent) => void) | undefined;
}

export type Validations = ReturnType<typeof createValidations>;

export function createValidations({ store, clock, config, signer, checkDevice, kick, onStep }: ValidationDeps) {
  const keyOf = (sho: string, orderId: string): string => `${sho}/${orderId}`;
  const openKeyOf = (m2meId: string, sho: string): string => `${encodeURIComponent(m2meId)}/${sho}`;

  /** The open validation that a quote answers: its order's, among those of its machine. */
  async function openFor(m2meId: string, orderId: string) {
    for (const { value: key } of await store.list<string>(OPEN, { prefix: openKeyOf(m2meId, '') })) {
      const entry = await store.get<ValidationRecord>(VALIDATION, key);
      if (entry?.value.orderId === orderId) return entry;
    }
    return undefined;
  }

  return {
    /** Step 3. The same question twice is one; a newer order of the same SHO takes the place of its older. */
    async ask(sho: string, request: { orderId: string; m2meId: string; nonce: string }): Promise<void> {
      const key = keyOf(sho, request.orderId);
      const known = await store.get<ValidationRecord>(VALIDATION, key);
      if (known !== undefined) {
        const same = known.value.nonce === request.nonce && known.value.m2meId === request.m2meId;
        if (!same) {
          throw new GbaError('repeat-differs', 'this order was already asked for with another nonce or machine');
        }
        return;
      }
      const record: ValidationRecord = { v: 1, state: validationFlow.initial, sho, ...request };
      const expiresAt = clock.now() + config.challengeSeconds * 1000;
      const done = await store.commit([
        { space: VALIDATION, key, expect: 0, put: record, expiresAt },
        { space: OPEN, key: openKeyOf(request.m2meId, sho), put: key, expiresAt },
      ]);
      if (!done) throw new GbaError('conflict', 'this order is being asked for twice at once', { retryable: true });
      onStep?.({ step: 3, party: config.id, what: `asked by ${sho} to validate ${request.m2meId}` });
    },

    /** What the machine has to answer now for the SHO that its owner announced, if anything. */
    async challengeOf(m2meId: string, sho: string): Promise<{ orderId: string; nonce: string } | undefined> {
      const key = (await store.get<string>(OPEN, openKeyOf(m2meId, sho)))?.value;
      const record = key === undefined ? undefined : (await store.get<ValidationRecord>(VALIDATION, key))?.value;
      return record?.state === 'asked' ? { orderId: record.orderId, nonce: record.nonce } : undefined;
    },

    /** Steps 4 and 5: the verdict and the message that carries it are one commit. A repeat gets the first verdict. */
    async answer(der: Uint8Array): Promise<{ positive: boolean; reason: string }> {
      const quote = await readQuote(der);
      const entry = await openFor(quote.m2meId, quote.orderId);
      if (entry === undefined) throw new GbaError('quote-not-asked', 'nobody asked for a quote of this machine');
      const record = entry.value;
      const judgement = judgeQuote(quote, {
        m2meId: record.m2meId,
        orderId: record.orderId,
        nonce: Buffer.from(record.nonce, 'hex'),
        manifest: config.manifests[record.m2meId] ?? config.manifests['default'],
        checkDevice,
      });
      if (judgement.kind === 'refused') throw new GbaError(judgement.code, 'the quote does not answer the challenge');
      if (record.state !== 'asked') return { positive: record.state === 'positive', reason: record.reason ?? '' };
      const { positive, reason } = judgement;
      const state = validationFlow.next(record.state, positive ? 'quote-good' : 'quote-bad');
      const result = await makeValidation(
        {
          orderId: record.orderId,
          nonce: Buffer.from(record.nonce, 'hex'),
          m2meId: record.m2meId,
          positive,
          reason,
          notAfter: clock.now() + config.resultSeconds * 1000,
          treCertificate: quote.treCertificate,
        },
        signer,
      );
      const json = { orderId: record.orderId, result: result.toString('base64') };
      const message = { id: `result/${entry.key}`, to: record.sho, method: 'POST', path: '/pva/v1/results', json };
      const done = await store.commit([
        { space: VALIDATION, key: entry.key, expect: entry.version, put: { ...record, state, reason } },
        enqueue(message),
      ]);
      if (!done) throw new GbaError('conflict', 'two quotes at once', { retryable: true });
      onStep?.({
        step: 4,
        party: config.id,
        what: `${record.m2meId} is ${positive ? 'as its manifest says' : reason}`,
      });
      kick();
      return { positive, reason };
    },
  };
}
