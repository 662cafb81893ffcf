import { type Clock, GbaError, type Log, type Random } from '../base/index.ts';
import type { Op, Store } from '../store/index.ts';
import {
  type Csr,
  issueCertificate,
  type RevocationReason,
  readCertificate,
  type Signer,
  serialNumberOf,
} from '../x509/index.ts';
import { choose } from './procedures/choose.ts';
import {
  CERTIFICATES,
  type IssuedRecord,
  REVOCATIONS,
  REVOKED_KEYS,
  type RevocationRecord,
  SUBJECTS,
  type SubjectRecord,
} from './records.ts';

export interface CertificatesDeps {
  store: Store;
  clock: Clock;
  random: Random;
  log: Log;
  signer: Signer;
  /** SHA-256 of the signer's key. */
  authority: string;
  lifetimeMs: number;
  renewMs: number;
  backdateMs: number;
  maxKeys: number;
}

export interface Certificates {
  /** The certificate for a request that was judged already. Throws `key-revoked`, `too-many-keys`, `conflict`. */
  issue(impi: string, csr: Csr): Promise<Buffer>;
  /** Durable when it resolves; a second time changes nothing. Throws `certificate-unknown`. */
  revoke(serial: string, reason?: RevocationReason): Promise<RevocationRecord>;
  /** All that was issued, with what was revoked of it. */
  list(): Promise<(IssuedRecord & { revoked?: RevocationRecord })[]>;
}

/** Requests of one subject at once; more of them lose against each other than honest machines ever send. */
const ATTEMPTS = 8;

export function createCertificates(deps: CertificatesDeps): Certificates {
  const { store, clock, log, authority } = deps;
  const issuer = readCertificate(deps.signer.certificate);
  const revocationOf = async (serial: string) => (await store.get<RevocationRecord>(REVOCATIONS, serial))?.value;

  /** Certificates of a subject that have neither ended nor been revoked. */
  async function liveOf(serials: readonly string[], now: number): Promise<IssuedRecord[]> {
    const found: IssuedRecord[] = [];
    for (const serial of serials) {
      const record = (await store.get<IssuedRecord>(CERTIFICATES, serial))?.value;
      if (record === undefined || record.notAfter <= now) continue;
      if ((await revocationOf(serial)) === undefined) found.push(record);
    }
    return found;
  }

  async function make(impi: string, csr: Csr, now: number, notAfter: number): Promise<IssuedRecord> {
    const der = await issueCertificate({
      subject: csr.subject,
      publicKey: csr.publicKey,
      issuer: deps.signer,
      usage: 'sign',
      // Never before the authority itself.
      notBefore: Math.max(now - deps.backdateMs, issuer.notBefore),
      notAfter,
      serial: deps.random.bytes(16),
    });
    const certificate = readCertificate(der);
    const { subject, spkiSha256 } = csr;
    const { notBefore } = certificate;
    const serial = serialNumberOf(certificate);
    const times = { notBefore, notAfter: certificate.notAfter, issuedAt: now };
    return { v: 1, serial, subject, impi, authority, spkiSha256, ...times, der: der.toString('base64') };
  }

  async function tryIssue(impi: string, csr: Csr): Promise<IssuedRecord | undefined> {
    const now = clock.now();
    if (now < issuer.notBefore || now >= issuer.notAfter) {
      throw new GbaError('authority-expired', 'the authority is outside its validity');
    }
    if ((await store.get(REVOKED_KEYS, csr.spkiSha256)) !== undefined) {
      throw new GbaError('key-revoked', 'this key was revoked; a new one is needed');
    }
    const entry = await store.get<SubjectRecord>(SUBJECTS, csr.subject);
    const live = await liveOf(entry?.value.serials ?? [], now);
    const { spkiSha256 } = csr;
    const { renewMs, maxKeys } = deps;
    // Certificates count whole seconds.
    const notAfter = Math.floor(Math.min(now + deps.lifetimeMs, issuer.notAfter) / 1000) * 1000;
    const choice = choose(live, { spkiSha256, authority, now, notAfter, renewMs, maxKeys });
    if (choice.kind === 'return') return choice.record;
    if (choice.kind === 'refuse') throw new GbaError(choice.code, 'this subject has no key left to be certified');
    const record = await make(impi, csr, now, notAfter);
    const serials = [...live.map(({ serial }) => serial), record.serial];
    const subject: SubjectRecord = { v: 1, serials };
    const ops: Op[] = [
      { space: CERTIFICATES, key: record.serial, expect: 0, put: record },
      { space: SUBJECTS, key: csr.subject, expect: entry?.version ?? 0, put: subject },
      // Nobody has revoked the key meanwhile.
      { space: REVOKED_KEYS, key: csr.spkiSha256, expect: 0 },
    ];
    if (!(await store.commit(ops))) return undefined;
    log.info('certificate-issued', { impi, subject: csr.subject, serial: record.serial });
    return record;
  }

  return {
    async issue(impi, csr) {
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const record = await tryIssue(impi, csr);
        if (record !== undefined) return Buffer.from(record.der, 'base64');
      }
      throw new GbaError('conflict', 'too many requests of this subject at once', { retryable: true });
    },
    async revoke(serial, reason) {
      const issued = (await store.get<IssuedRecord>(CERTIFICATES, serial))?.value;
      if (issued === undefined) throw new GbaError('certificate-unknown', `no certificate ${serial} was issued here`);
      const record: RevocationRecord = {
        v: 1,
        serial,
        authority: issued.authority,
        at: clock.now(),
        ...(reason === undefined ? {} : { reason }),
        notAfter: issued.notAfter,
      };
      const done = await store.commit([
        { space: REVOCATIONS, key: serial, expect: 0, put: record },
        { space: REVOKED_KEYS, key: issued.spkiSha256, put: { v: 1, serial } },
      ]);
      if (!done) return (await revocationOf(serial)) ?? record;
      log.info('certificate-revoked', { subject: issued.subject, serial, ...(reason === undefined ? {} : { reason }) });
      return record;
    },
    async list() {
      const issued = (await store.list<IssuedRecord>(CERTIFICATES)).map(({ value }) => value);
      const revocations = new Map(
        (await store.list<RevocationRecord>(REVOCATIONS)).map(({ key, value }) => [key, value]),
      );
      return issued.map((one) => {
        const revoked = revocations.get(one.serial);
        return revoked === undefined ? one : { ...one, revoked };
      });
    },
  };
}
