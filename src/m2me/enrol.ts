import type { KeyObject } from 'node:crypto';
import { type Clock, type Random, toHex } from '../base/index.ts';
import { UA_PKI_PORTAL } from '../gba/index.ts';
import type { HttpClient } from '../http/index.ts';
import { type Certificate, issuerNameOf, makeCsr, spkiSha256 } from '../x509/index.ts';
import {
  authorityRequest,
  checkEnrolled,
  type EnrolRequest,
  enrolRequest,
  type PortalAnswer,
  readAuthority,
  readUserCertificate,
} from './enrol-exchange.ts';
import { createUaClient, type UaKeySource } from './ua-client.ts';

export interface EnrolOptions {
  /** The PKI portal: NAF FQDN, and a client for its address that verifies its TLS certificate. */
  fqdn: string;
  client: HttpClient;
  /** Ks_NAF for this NAF and Ua identifier, and Ub when there is none. */
  keys: UaKeySource;
  clock: Clock;
  random: Random;
  /** The M2ME id, and the P-256 private key that is to be certified for it. */
  subject: string;
  key: KeyObject;
  /** Pinned authorities; without them the one that issued is fetched from the portal, which Ks_NAF vouches for. */
  authorities?: readonly Certificate[];
  paths?: { enrol?: string; authority?: string };
}

export interface Enrolled {
  certificate: Certificate;
  /** Who issued it. */
  authority: Certificate;
}

/**
 * A subscriber certificate over GBA (TS 33.221): request, answer, and the checks without which neither is believed. Asking
 * again for the same key is safe: the portal gives the same certificate. Throws what the exchanges of enrol-exchange.ts, Ua
 * and Ub throw; nothing is stored here.
 */
export async function enrol(options: EnrolOptions): Promise<Enrolled> {
  const { fqdn, client, keys, clock, random, subject, key, paths = {} } = options;
  const own = { subject, spkiSha256: toHex(spkiSha256(key)) };
  const csr = makeCsr({ subject, key });
  const ua = createUaClient({ fqdn, client, keys, clock, random, uaId: UA_PKI_PORTAL });
  const ask = async ({ method, path, ...sending }: EnrolRequest): Promise<PortalAnswer> => {
    const answer = await ua.send(method, path, sending);
    const { status, body, proved } = answer;
    return { status, body, proved, contentType: answer.headers['content-type'], cause: answer.cause() };
  };
  try {
    const certificate = readUserCertificate(await ask(enrolRequest(csr, paths.enrol ?? '/enrol')));
    const issuer = issuerNameOf(certificate);
    const authorities = options.authorities ?? [
      readAuthority(await ask(authorityRequest(issuer, paths.authority ?? '/getcertificate')), issuer),
    ];
    return { certificate, authority: checkEnrolled(certificate, own, authorities, clock.now()) };
  } finally {
    ua.endSession();
  }
}
