import { GbaError, toBase64 } from '../base/index.ts';
import type { Qop } from '../digest/index.ts';
import { type Certificate, readCertificate, readPem, subjectNameOf, toPem, verifyDevice } from '../x509/index.ts';

/** Enrolment of a subscriber certificate as the UE sees it (TS 33.221, TS 24.109 6 and annex E): pure. */

export interface EnrolRequest {
  method: 'GET' | 'POST';
  path: string;
  type?: string;
  bytes?: Buffer;
}

/** What of an answer counts here. */
export interface PortalAnswer {
  status: number;
  contentType: string | undefined;
  body: Buffer;
  /** The portal's own word for a refusal. */
  cause: string;
  proved: Qop | undefined;
}

const USER_CERTIFICATE = 'application/x-x509-user-cert';
const CA_CERTIFICATE = 'application/x-x509-ca-cert';
/** Refusals of a moment: time-out, conflict, too many requests. */
const PASSING = [408, 409, 429];

/** The certificate alone is asked for; what issued it is asked for by name (TS 24.109 6.3). */
export function enrolRequest(csr: Uint8Array, path: string): EnrolRequest {
  const bytes = Buffer.from(toPem(csr, 'CERTIFICATE REQUEST'), 'ascii');
  return { method: 'POST', path: `${path}?response=single`, type: 'application/x-pkcs10', bytes };
}

/** CA certificate delivery (TS 24.109 E.5); `issuerName` is DER. */
export function authorityRequest(issuerName: Uint8Array, path: string): EnrolRequest {
  return { method: 'GET', path: `${path}?in=${encodeURIComponent(toBase64(issuerName))}` };
}

/** The certificate that the portal gave, before anything in it is believed. */
export const readUserCertificate = (answer: PortalAnswer): Certificate => readAnswer(answer, USER_CERTIFICATE);

/** The authority that was asked for by name. Throws `enrol-answer-invalid` when it is another one. */
export function readAuthority(answer: PortalAnswer, issuerName: Buffer): Certificate {
  const authority = readAnswer(answer, CA_CERTIFICATE);
  if (!subjectNameOf(authority).equals(issuerName)) {
    throw new GbaError('enrol-answer-invalid', 'the portal gave the certificate of another authority');
  }
  return authority;
}

/**
 * Only what Authentication-Info proves over the whole body counts, refusals too (TS 24.109 E.4, E.6): anything else is a
 * delay. Throws `enrol-unproved` (retryable); `enrol-forbidden` for 403, `enrol-not-found` for 404 and `enrol-refused` for
 * other refusals, final unless they say that they pass; `enrol-answer-invalid`.
 */
function readAnswer({ status, contentType, body, cause, proved }: PortalAnswer, expected: string): Certificate {
  if (proved !== 'auth-int') {
    throw new GbaError('enrol-unproved', `an answer ${status} that nobody vouches for`, { retryable: true });
  }
  if (status === 403)
    throw new GbaError('enrol-forbidden', 'the operator lets this subscriber enrol no such certificate');
  if (status === 404) throw new GbaError('enrol-not-found', 'the portal knows no such authority or resource');
  if (status !== 200) {
    const retryable = PASSING.includes(status);
    throw new GbaError('enrol-refused', `the portal answered ${status} ${cause}`, { retryable });
  }
  const type = contentType?.split(';', 1)[0]?.trim().toLowerCase();
  const der = type === expected ? readPem(body.toString('latin1'), 'CERTIFICATE') : undefined;
  if (der === undefined) throw new GbaError('enrol-answer-invalid', `the answer is not one certificate as ${expected}`);
  try {
    return readCertificate(der);
  } catch (cause) {
    throw new GbaError('enrol-answer-invalid', 'the answer holds no certificate', { cause });
  }
}

/**
 * The certificate is for our own key, names us, may sign, and one of the authorities issued it. Throws `enrol-wrong-key` and
 * what `verifyDevice` throws. Returns the authority.
 */
export function checkEnrolled(
  certificate: Certificate,
  own: { subject: string; spkiSha256: string },
  authorities: readonly Certificate[],
  atMs: number,
): Certificate {
  if (certificate.spkiSha256 !== own.spkiSha256) {
    throw new GbaError('enrol-wrong-key', 'the portal certified another key than ours');
  }
  return verifyDevice(certificate, { authorities, crls: [], subject: own.subject, atMs, usage: 'digitalSignature' });
}
