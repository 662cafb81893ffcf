import type { KeyUsage } from './certificate-fields.ts';
import { type Crl, readCrl } from './crl.ts';
import { verifyDevice } from './device.ts';
import { type Certificate, readCertificate } from './keys.ts';

/** PEM files: the authorities of devices, and their revocation lists. */
export interface TrustFiles {
  authorities: readonly string[];
  crls: readonly string[];
}

/** Throws what `verifyDevice` throws, and what reading a list throws: a list that cannot be read lets nobody through. */
export type DeviceCheck = (certificate: Certificate, subject: string, usage?: KeyUsage) => void;

/** Checks devices against files: authorities as they were at the start, lists as they are now (they are replaced while we run). */
export function createDeviceCheck(files: TrustFiles, read: (path: string) => string, now: () => number): DeviceCheck {
  const authorities = files.authorities.map((path) => readCertificate(read(path)));
  const known = new Map<string, { text: string; crl: Crl }>();
  function listIn(path: string): Crl {
    const text = read(path);
    const old = known.get(path);
    if (old?.text === text) return old.crl;
    const crl = readCrl(text);
    known.set(path, { text, crl });
    return crl;
  }
  for (const path of files.crls) listIn(path);
  return (certificate, subject, usage) => {
    const trust = { authorities, crls: files.crls.map(listIn), subject, atMs: now() };
    verifyDevice(certificate, usage === undefined ? trust : { ...trust, usage });
  };
}
