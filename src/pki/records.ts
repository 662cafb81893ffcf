import type { RevocationReason } from '../x509/index.ts';

/** Serial number to what was issued under it; never changed. */
export const CERTIFICATES = 'pki-certificate';
/** Subject to the serial numbers of its certificates that have not ended. */
export const SUBJECTS = 'pki-subject';
/** Serial number to its revocation; never changed. */
export const REVOCATIONS = 'pki-revocation';
/** SHA-256 of a public key that was revoked: it is never certified again. */
export const REVOKED_KEYS = 'pki-revoked-key';
/** The newest list, under the one key `LIST`. */
export const LISTS = 'pki-crl';
export const LIST = 'current';

/** Times in milliseconds; numbers and digests in hexadecimal; DER in base64. */
export interface IssuedRecord {
  v: 1;
  serial: string;
  subject: string;
  impi: string;
  /** SHA-256 of the authority's key: what another authority issued is not its own. */
  authority: string;
  spkiSha256: string;
  notBefore: number;
  notAfter: number;
  issuedAt: number;
  der: string;
}

export interface SubjectRecord {
  v: 1;
  serials: string[];
}

export interface RevocationRecord {
  v: 1;
  serial: string;
  authority: string;
  at: number;
  reason?: RevocationReason;
  /** When the certificate ends; a while later it leaves the list. */
  notAfter: number;
}

export interface ListRecord {
  v: 1;
  number: number;
  nextUpdate: number;
  /** Serial numbers on it, and of all revocations that there were: some left the list, none came back. */
  count: number;
  total: number;
  der: string;
}
