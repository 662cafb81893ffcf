import { mkdtempSync, rmdirSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { GbaError, systemClock } from '../../base/index.ts';
import { loadTls, readTextFile } from '../../http/index.ts';
import { lookAtPostgres, openStore, restoredMark, type StoreConfig, UNCONFIRMED } from '../../store/index.ts';
import { loadSigner, readCertificate, verifyChain } from '../../x509/index.ts';

const MONTH_MS = 30 * 86_400_000;
/** Nothing here was made before this; a clock that says so is wrong. */
const NOT_BEFORE = Date.parse('2026-01-01T00:00:00Z');

/** Every probe says what it found, or throws a `GbaError` that says what is wrong. */
export function probeClock(now: number): string {
  const text = new Date(now).toISOString();
  if (now < NOT_BEFORE) throw new GbaError('clock-wrong', `the clock says ${text}`);
  return text;
}

/** A certificate within its validity; with `name`, one that carries it. */
export function probeCertificate(path: string, now: number, name?: string): string {
  const { subject, names, notBefore, notAfter } = readCertificate(readTextFile(path));
  const until = new Date(notAfter).toISOString();
  if (now > notAfter) throw new GbaError('certificate-expired', `'${subject}' expired ${until}`);
  if (now < notBefore) {
    throw new GbaError('certificate-not-yet-valid', `'${subject}' is valid from ${new Date(notBefore).toISOString()}`);
  }
  if (name !== undefined && ![subject, ...names].includes(name)) {
    throw new GbaError('certificate-other-name', `'${subject}' does not carry the name '${name}'`);
  }
  return `'${subject}', valid until ${until}${notAfter - now < MONTH_MS ? ' (SOON)' : ''}`;
}

export function probePair(files: { cert: string; key: string }, now: number, name?: string): string {
  const found = probeCertificate(files.cert, now, name);
  loadSigner({ cert: readTextFile(files.cert), key: readTextFile(files.key) });
  return `${found}, fits its key`;
}

export function probeTls(files: { cert: string; key: string; ca: string }, now: number, name?: string): string {
  const found = probePair(files, now, name);
  const pem = loadTls(files);
  verifyChain(readCertificate(pem.cert), readCertificate(pem.ca), now);
  return `${found} and its authority`;
}

/** Listens for a moment: what the function itself will do, so every reason it could fail for shows. */
export function probePort({ address, port }: { address: string; port: number }): Promise<string> {
  if (port === 0) return Promise.resolve('any free one');
  return new Promise((found, reject) => {
    const server = createServer();
    server.once('error', (cause: NodeJS.ErrnoException) => reject(portError(cause, `${address}:${port}`)));
    server.listen(port, address, () => server.close(() => found(`${address}:${port} is free`)));
  });
}

function portError(cause: NodeJS.ErrnoException, where: string): GbaError {
  if (cause.code === 'EADDRINUSE') return new GbaError('port-in-use', `${where} is in use`, { cause });
  if (cause.code === 'EACCES') return new GbaError('port-forbidden', `${where} needs more rights`, { cause });
  if (cause.code === 'EADDRNOTAVAIL') return new GbaError('address-foreign', `${where} is not of this host`, { cause });
  return new GbaError('listen-failed', `cannot listen on ${where}`, { cause });
}

export async function probeStore(config: StoreConfig): Promise<string> {
  if (config.driver === 'memory') return 'in memory: forgets everything at exit';
  if (config.driver === 'postgres') return await lookAtPostgres(config);
  // Opening makes the folder, and looking must not.
  if (statSync(config.path, { throwIfNoEntry: false }) === undefined) return probeFolder(config.path);
  const store = await openStore(config, systemClock);
  const restored = await restoredMark(store).finally(() => store.close());
  return restored === undefined ? 'opens' : `opens, ${UNCONFIRMED}`;
}

/** A folder that is there or can be made, and takes files. */
export function probeFolder(path: string): string {
  let there = resolve(path);
  while (!exists(there) && dirname(there) !== there) there = dirname(there);
  try {
    rmdirSync(mkdtempSync(join(there, '.gba-doctor-')));
  } catch (cause) {
    throw new GbaError('folder-unusable', `${there} is no folder that this user may write to`, { cause });
  }
  return there === resolve(path) ? 'can be written' : 'not there yet, can be made';
}

function exists(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    // Below a file: nothing can be there.
    return false;
  }
}

export function probeFile(path: string): string {
  readTextFile(path);
  return 'can be read';
}

/** What a TLS library passes on as an identity, octets; and what older ones do. */
const IDENTITY_LIMIT = 256;
const OLD_IDENTITY_LIMIT = 128;

/** The B-TIDs of these BSFs fit into a psk_identity. */
export function probePskTls(mode: string, bsfs: readonly string[]): string {
  if (mode === 'off') return 'off: machines come by certificate and Digest';
  const [longest = ''] = [...bsfs].sort((a, b) => b.length - a.length);
  const { length } = `3GPP-bootstrapping-uicc;AAAAAAAAAAAAAAAAAAAAAA==@${longest}`;
  const found = `${mode}, identities of up to ${length} octets`;
  if (length > IDENTITY_LIMIT) throw new GbaError('psk-identity-too-long', `${found} with the BSF '${longest}'`);
  return length > OLD_IDENTITY_LIMIT ? `${found} (older clients send ${OLD_IDENTITY_LIMIT})` : found;
}
