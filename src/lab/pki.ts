import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock, Random } from '../base/index.ts';
import { readTextFile } from '../http/index.ts';
import {
  generateKeyPair,
  issueCertificate,
  issueCrl,
  loadSigner,
  privateKeyPem,
  type Signer,
  toPem,
} from '../x509/index.ts';

const YEAR_MS = 365 * 86_400_000;

/** Certificates and keys of a lab, made once and kept in a folder: PEM files, keys readable by the owner only. */
export interface LabPki {
  /** Path of the authority that all TLS servers and clients of the lab trust. */
  ca: string;
  manufacturer: string;
  /** The manufacturer's revocation list. */
  crl: string;
  /** TLS certificate of `name`. */
  tls(name: string): Promise<{ cert: string; key: string; ca: string }>;
  /** Signing certificate of `name` (packages, validation results), apart from its TLS key. */
  signing(name: string): Promise<{ cert: string; key: string }>;
  /** Device signing key and TRE decryption key of a machine, issued by the lab's manufacturer. */
  machine(id: string): Promise<{ device: { cert: string; key: string }; tre: { cert: string; key: string } }>;
  /** An authority of its own under this name. */
  authority(name: string, subject: string): Promise<{ cert: string; key: string }>;
  /** A file of 32 random octets in hexadecimal: the key a store is sealed under. */
  sealingKey(name: string): string;
}

export async function openLabPki(dir: string, clock: Clock, random: Random): Promise<LabPki> {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const path = (name: string): string => join(dir, `${name}.pem`);
  const write = (file: string, text: string): void => writeFileSync(file, text, { mode: 0o600 });

  async function issue(
    name: string,
    subject: string,
    issuer: Signer | undefined,
    usage: 'tls' | 'sign' | 'encrypt' | 'ca',
  ) {
    const files = { cert: path(name), key: path(`${name}-key`) };
    if (existsSync(files.cert) && existsSync(files.key)) return files;
    const { privateKey, publicKey } = generateKeyPair();
    const certificate = await issueCertificate({
      subject,
      ...(usage === 'tls' ? { names: [subject] } : {}),
      publicKey,
      issuer: issuer ?? { selfSigned: privateKey },
      ...(usage === 'ca' ? { ca: true } : { usage }),
      notBefore: clock.now() - 86_400_000,
      notAfter: clock.now() + 10 * YEAR_MS,
      serial: random.bytes(16),
    });
    // The key first: a certificate without its key would be taken for a finished pair.
    write(files.key, privateKeyPem(privateKey));
    write(files.cert, toPem(certificate, 'CERTIFICATE'));
    return files;
  }

  const authority = async (name: string, subject: string): Promise<Signer> => {
    const files = await issue(name, subject, undefined, 'ca');
    return loadSigner({ cert: readTextFile(files.cert), key: readTextFile(files.key) });
  };
  const ca = await authority('ca', 'gba-authz lab CA');
  const manufacturer = await authority('manufacturer', 'gba-authz lab manufacturer');

  const crl = path('manufacturer-crl');
  if (!existsSync(crl)) {
    const now = clock.now();
    const times = { thisUpdate: now - 86_400_000, nextUpdate: now + YEAR_MS };
    write(crl, toPem(issueCrl({ issuer: manufacturer, ...times, number: 1, revoked: [] }), 'X509 CRL'));
  }

  return {
    ca: path('ca'),
    manufacturer: path('manufacturer'),
    crl,
    tls: async (name) => ({ ...(await issue(name, name, ca, 'tls')), ca: path('ca') }),
    signing: (name) => issue(`${name}-signing`, name, ca, 'sign'),
    machine: async (id) => ({
      device: await issue(`${id}-device`, id, manufacturer, 'sign'),
      tre: await issue(`${id}-tre`, id, manufacturer, 'encrypt'),
    }),
    authority: (name, subject) => issue(`${name}-ca`, subject, undefined, 'ca'),
    sealingKey(name) {
      const file = join(dir, `${name}.sealing-key`);
      if (!existsSync(file)) write(file, `${random.bytes(32).toString('hex')}\n`);
      return file;
    },
  };
}
