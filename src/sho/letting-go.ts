import { GbaError, type Random, type Sealer, toHex } from '../base/index.ts';
import type { StepEvent } from '../flow/index.ts';
import type { Entry, Op, Store } from '../store/index.ts';
import { type ReleaseGrant, readReturn, readUnregistration } from '../token/index.ts';
import type { Bootstraps } from './bootstraps.ts';
import type { ShoConfig } from './config.ts';
import type { Contracts } from './contracts.ts';
import { releaseFlow } from './flows.ts';
import {
  claimsOf,
  decoyRelease,
  findRelease,
  OPEN_RELEASE,
  openGrant,
  RELEASE,
  type ReleaseRecord,
} from './release-record.ts';

export interface LettingGoDeps {
  config: ShoConfig;
  store: Store;
  sealer: Sealer;
  random: Random;
  contracts: Contracts;
  bootstraps: Bootstraps;
  /** HSS and BSF stop serving this IMPI; may be repeated. */
  removeSubscriber(impi: string): Promise<void>;
  onStep?: ((event: StepEvent) => void) | undefined;
}

export type LettingGo = ReturnType<typeof createLettingGo>;

/** The end of a release at the old SHO: the machine unregisters (9, 10), or gives the token back. */
export function createLettingGo(deps: LettingGoDeps) {
  const { config, store, sealer, contracts, bootstraps, onStep } = deps;
  const decoy = decoyRelease(sealer, deps.random);

  async function withGrant<T>(
    entry: Pick<Entry<ReleaseRecord>, 'key' | 'value'>,
    work: (grant: ReleaseGrant) => Promise<T>,
  ): Promise<T> {
    const grant = openGrant(sealer, entry.key, entry.value);
    try {
      return await work(grant);
    } finally {
      grant.erase();
    }
  }

  async function commit(ops: readonly Op[]): Promise<void> {
    if (!(await store.commit(ops))) {
      throw new GbaError('conflict', 'the release is being changed', { retryable: true });
    }
  }

  /** From `letting-go` to `gone`: HSS and BSF first, then the tombstone. Safe to repeat. */
  async function letGo(serial: string): Promise<void> {
    const entry = await findRelease(store, serial);
    if (entry?.value.state !== 'letting-go') return;
    const record = entry.value;
    await deps.removeSubscriber(record.impi);
    const put = { ...record, state: releaseFlow.next(record.state, 'removed') };
    // A release out of a backup may end when its machine has come back by another subscription.
    const known = await contracts.impiOf(record.m2meId);
    const last = known === undefined || known === record.impi;
    const done = await store.commit([
      { space: RELEASE, key: serial, expect: entry.version, put },
      { space: OPEN_RELEASE, key: record.m2meId, delete: true },
      ...(last ? [...bootstraps.endOps(record.m2meId), await contracts.endOp(record.m2meId, record.impi)] : []),
    ]);
    if (done) onStep?.({ step: 10, party: config.id, to: record.m2meId, what: 'let go', serial });
  }

  async function close(entry: Entry<ReleaseRecord>): Promise<void> {
    const { key, value, version } = entry;
    const put = { ...value, state: releaseFlow.next(value.state, 'return') };
    await commit([
      { space: RELEASE, key, expect: version, put },
      { space: OPEN_RELEASE, key: value.m2meId, delete: true },
    ]);
  }

  return {
    /**
     * Steps 9 and 10. Whatever is wrong looks alike from outside. The acknowledgement follows from what the tombstone keeps
     * (serial, r and its key), so every repeat gets the same octets.
     */
    async unregister(der: Uint8Array): Promise<Buffer> {
      const message = await readUnregistration(der);
      const serial = toHex(message.serial);
      const entry = await findRelease(store, serial);
      const refuse = (): never => {
        throw new GbaError('unregistration-invalid', 'the unregistration is not valid');
      };
      const record = (entry ?? decoy).value;
      return await withGrant(entry ?? decoy, async (grant) => {
        const genuine = message.matches(grant.unregistrationProof) && message.m2meId === record.m2meId;
        if (entry === undefined || !genuine || !claimsOf(record).permissions.unregister) return refuse();
        const discardRecord = toHex(message.discardRecord);
        if (record.discardRecord !== undefined && record.discardRecord !== discardRecord) return refuse();
        if (releaseFlow.can(record.state, 'unregistration')) {
          const put = { ...record, state: releaseFlow.next(record.state, 'unregistration'), discardRecord };
          await commit([{ space: RELEASE, key: serial, expect: entry.version, put }]);
        } else if (record.discardRecord === undefined) {
          return refuse();
        }
        const acknowledgement = grant.makeAcknowledgement();
        await letGo(serial);
        return acknowledgement;
      });
    },

    /** The machine gives the token back, by its own MAC or signature. */
    async takeBack(der: Uint8Array): Promise<void> {
      const message = await readReturn(der);
      const entry = await findRelease(store, toHex(message.serial));
      const refuse = (): never => {
        throw new GbaError('return-invalid', 'the return is not valid');
      };
      const { m2meId, state } = (entry ?? decoy).value;
      const genuine = await withGrant(entry ?? decoy, async (grant) => message.matches(grant.returnProof));
      if (entry === undefined || !genuine || message.m2meId !== m2meId) return refuse();
      if (state === 'returned') return;
      if (!releaseFlow.can(state, 'return')) return refuse();
      await close(entry);
    },

    /** What the machine, proved on Ua, is asked to give back: serial and claims, so that it can judge one it never heard of. */
    async recallFor(m2meId: string, impi: string | undefined): Promise<{ serial: string; claims: string } | undefined> {
      await bootstraps.requireOwn(m2meId, impi);
      const serial = (await store.get<string>(OPEN_RELEASE, m2meId))?.value;
      const record = serial === undefined ? undefined : (await findRelease(store, serial))?.value;
      return serial === undefined || record?.state !== 'recalling' ? undefined : { serial, claims: record.claims };
    },

    /**
     * The machine, proved on Ua, has burnt a serial that its owner never announced: it has no keys of it to say so with.
     * Only an answer to our question counts.
     */
    async recalled(serial: string, m2meId: string, impi: string | undefined): Promise<void> {
      await bootstraps.requireOwn(m2meId, impi);
      const entry = await findRelease(store, serial);
      if (entry?.value.m2meId !== m2meId || !['recalling', 'returned'].includes(entry.value.state)) {
        throw new GbaError('return-invalid', 'nobody asked for this');
      }
      if (entry.value.state === 'recalling') await close(entry);
    },

    /** What was being let go when our HSS or BSF could not be reached, or we stopped, is let go. */
    async resume(): Promise<void> {
      for (const { value: serial } of await store.list<string>(OPEN_RELEASE)) await letGo(serial);
    },
  };
}
