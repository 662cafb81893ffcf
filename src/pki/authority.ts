import type { FunctionDeps } from '../flow/index.ts';
import { readTextFile } from '../http/index.ts';
import { openStore } from '../store/index.ts';
import { type Certificate, checkAuthority, loadSigner, readCertificate } from '../x509/index.ts';
import { type Certificates, createCertificates } from './certificates.ts';
import type { PkiConfig } from './config.ts';
import { type CrlList, createCrlList } from './crl-list.ts';

/** The issuing half of the portal: what `gba pki revoke` works with too, on the same store. */
export interface Authority {
  certificate: Certificate;
  certificates: Certificates;
  crlList: CrlList;
  close(): Promise<void>;
}

/** Opens the store. Throws `certificate-invalid` when the authority's certificate may not sign certificates and lists. */
export async function openAuthority(config: PkiConfig, deps: FunctionDeps): Promise<Authority> {
  const { clock, random, log } = deps;
  const pem = { cert: readTextFile(config.authority.cert), key: readTextFile(config.authority.key) };
  const signer = loadSigner(pem);
  const certificate = readCertificate(signer.certificate);
  checkAuthority(certificate);
  const store = deps.store ?? (await openStore(config.store, clock, log));
  const backdateMs = config.backdateSeconds * 1000;
  const common = { store, clock, random, log, signer, authority: certificate.spkiSha256, backdateMs };
  return {
    certificate,
    certificates: createCertificates({
      ...common,
      lifetimeMs: config.certificateSeconds * 1000,
      renewMs: config.renewSeconds * 1000,
      maxKeys: config.maxKeys,
    }),
    crlList: createCrlList({ ...common, file: config.crlFile, validMs: config.crlSeconds * 1000 }),
    async close() {
      if (deps.store === undefined) await store.close();
    },
  };
}
