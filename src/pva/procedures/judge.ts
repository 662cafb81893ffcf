import { codeOf, equalBytes } from '../../base/index.ts';
import type { Quote, Signed } from '../../token/index.ts';
import { type Certificate, type DeviceCheck, type KeyUsage, readCertificate } from '../../x509/index.ts';

export interface Reference {
  m2meId: string;
  orderId: string;
  nonce: Buffer;
  /** Component to its SHA-256, hexadecimal. */
  manifest: Readonly<Record<string, string>> | undefined;
  checkDevice: DeviceCheck;
}

/** A quote that does not answer the question (another machine, an old challenge, a stranger) is refused, not judged. */
export type Judgement = { kind: 'refused'; code: string } | { kind: 'judged'; positive: boolean; reason: string };

/**
 * Compares a quote with the reference. A quote that is not this machine's answer to this challenge is refused and changes
 * nothing; one that is gets a verdict, good or bad.
 */
export function judgeQuote(quote: Signed<Quote>, reference: Reference): Judgement {
  const fault = faultOf(quote.signer, reference, 'digitalSignature');
  if (fault !== undefined && !OVER.includes(fault)) return { kind: 'refused', code: 'quote-signer-unknown' };
  if (quote.m2meId !== reference.m2meId) return { kind: 'refused', code: 'quote-wrong-machine' };
  if (quote.orderId !== reference.orderId || !equalBytes(quote.nonce, reference.nonce)) {
    return { kind: 'refused', code: 'quote-not-fresh' };
  }
  if (fault !== undefined) return { kind: 'judged', positive: false, reason: fault };
  if (!treCertificateFits(quote, reference))
    return { kind: 'judged', positive: false, reason: 'tre-certificate-untrusted' };
  if (reference.manifest === undefined) return { kind: 'judged', positive: false, reason: 'manifest-unknown' };
  const measured = new Map(quote.measurements.map((one) => [one.name, one.sha256.toString('hex')]));
  const expected = Object.entries(reference.manifest);
  const same = measured.size === expected.length && expected.every(([name, digest]) => measured.get(name) === digest);
  return same
    ? { kind: 'judged', positive: true, reason: '' }
    : { kind: 'judged', positive: false, reason: 'measurement-mismatch' };
}

/** A device that was good once: it has answered, and the answer is no. */
const OVER = ['certificate-expired', 'certificate-revoked'];

/** Why this certificate is not one of the machine's that may be believed now. */
function faultOf(certificate: Certificate, { checkDevice, m2meId }: Reference, usage?: KeyUsage): string | undefined {
  try {
    checkDevice(certificate, m2meId, usage);
    return undefined;
  } catch (error) {
    if (codeOf(error) === 'internal') throw error;
    return codeOf(error);
  }
}

function treCertificateFits(quote: Quote, reference: Reference): boolean {
  try {
    return faultOf(readCertificate(quote.treCertificate), reference) === undefined;
  } catch (error) {
    if (codeOf(error) === 'internal') throw error;
    return false;
  }
}
