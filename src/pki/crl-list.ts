import { rename, rm, writeFile } from 'node:fs/promises';
import { type Clock, GbaError, type Log, type Random, toHex } from '../base/index.ts';
import { restoredMark, type Store } from '../store/index.ts';
import { issueCrl, type Signer, toPem } from '../x509/index.ts';
import { LIST, LISTS, type ListRecord, REVOCATIONS, type RevocationRecord } from './records.ts';

export interface CrlListDeps {
  store: Store;
  clock: Clock;
  random: Random;
  log: Log;
  signer: Signer;
  /** SHA-256 of the signer's key. */
  authority: string;
  file: string;
  validMs: number;
  backdateMs: number;
}

/** The revocation list of the authority: in the store, and as a file for whoever verifies certificates. */
export interface CrlList {
  /** DER of the newest list. */
  current(): Promise<Buffer | undefined>;
  /**
   * Issues the next list with all that is revoked now. `held`: none is issued before a restored store is confirmed, for it
   * may lack revocations that others know already.
   */
  publish(): Promise<{ number: number; count: number; held?: true }>;
  /**
   * Issues a list when the newest is half over or lacks something; else sees to it that the file is the newest. Throws
   * `store-unconfirmed`.
   */
  refresh(): Promise<void>;
}

export function createCrlList(deps: CrlListDeps): CrlList {
  const { store, clock, log, authority, validMs } = deps;
  const newest = () => store.get<ListRecord>(LISTS, LIST);
  /** Number of the list that this process put into the file last. */
  let written: number | undefined;

  async function revocations(): Promise<RevocationRecord[]> {
    const all = await store.list<RevocationRecord>(REVOCATIONS);
    return all.map(({ value }) => value).filter((one) => one.authority === authority);
  }

  async function issueNext(): Promise<void> {
    for (;;) {
      const before = await newest();
      const now = clock.now();
      const all = await revocations();
      // A certificate stays on until one list has said so after its end (RFC 5280 3.3).
      const list = all.filter((one) => one.notAfter + validMs > now);
      const number = (before?.value.number ?? 0) + 1;
      const nextUpdate = now + validMs;
      const der = issueCrl({
        issuer: deps.signer,
        thisUpdate: now - deps.backdateMs,
        nextUpdate,
        number,
        revoked: list.map(({ serial, at, reason }) => ({ serialNumber: serial, at, ...(reason && { reason }) })),
      });
      const counts = { count: list.length, total: all.length };
      const record: ListRecord = { v: 1, number, nextUpdate, ...counts, der: der.toString('base64') };
      const done = await store.commit([{ space: LISTS, key: LIST, expect: before?.version ?? 0, put: record }]);
      if (done) {
        log.info('crl-issued', { number, count: list.length });
        return;
      }
    }
  }

  /** Another process may write too: whoever writes last looks once more, so the newest list stays. */
  async function write(): Promise<ListRecord | undefined> {
    let record = (await newest())?.value;
    while (record !== undefined && record.number !== written) {
      await replaceFile(deps, toPem(Buffer.from(record.der, 'base64'), 'X509 CRL'));
      written = record.number;
      record = (await newest())?.value;
    }
    return record;
  }

  async function publish(): Promise<{ number: number; count: number; held?: true }> {
    if ((await restoredMark(store)) !== undefined) {
      return { number: (await newest())?.value.number ?? 0, count: (await revocations()).length, held: true };
    }
    await issueNext();
    const record = await write();
    return { number: record?.number ?? 0, count: record?.count ?? 0 };
  }

  return {
    async current() {
      const record = (await newest())?.value;
      return record === undefined ? undefined : Buffer.from(record.der, 'base64');
    },
    publish,
    async refresh() {
      if ((await restoredMark(store)) !== undefined) {
        throw new GbaError(
          'store-unconfirmed',
          'the store came out of a backup: it may lack revocations, confirm it first',
        );
      }
      const record = (await newest())?.value;
      const fresh = record !== undefined && record.nextUpdate - clock.now() > validMs / 2;
      // A revocation whose list could not be issued: the process that made it ended in between.
      if (fresh && record.total === (await revocations()).length) await write();
      else await publish();
    },
  };
}

async function replaceFile({ file, random }: Pick<CrlListDeps, 'file' | 'random'>, text: string): Promise<void> {
  // A name of its own each time, so that no two writers share a half-written file.
  const next = `${file}.${toHex(random.bytes(8))}.new`;
  try {
    await writeFile(next, text, { mode: 0o644 });
    await rename(next, file);
  } catch (cause) {
    await rm(next, { force: true }).catch(() => undefined);
    throw new GbaError('crl-file-unwritable', `cannot write ${file}`, { cause });
  }
}
