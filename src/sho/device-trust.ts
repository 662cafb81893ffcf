import { type Clock, codeOf, GbaError } from '../base/index.ts';
import { readTextFile } from '../http/index.ts';
import { type Certificate, readCertificate, verifyChain } from '../x509/index.ts';
import type { ShoConfig } from './config.ts';

/** Throws when a device certificate is not to be trusted for this machine now: chain, validity, name, revocation. */
export function createDeviceTrust(config: ShoConfig, clock: Clock): (certificate: Certificate, m2meId: string) => void {
  const authorities = config.deviceAuthorities.map((path) => readCertificate(readTextFile(path)));
  return (certificate, m2meId) => {
    if (certificate.subject !== m2meId) {
      throw new GbaError('certificate-wrong-subject', 'the device certificate is of another machine');
    }
    const now = clock.now();
    const issued = authorities.some((authority) => {
      try {
        verifyChain(certificate, authority, now);
        return true;
      } catch (error) {
        if (codeOf(error) === 'internal') throw error;
        return false;
      }
    });
    if (!issued) throw new GbaError('certificate-untrusted', 'no authority of ours issued this device certificate');
  };
}
