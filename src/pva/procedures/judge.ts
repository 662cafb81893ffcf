import { codeOf, equalBytes } from '../../base/index.ts';
import type { Quote, Signed } from '../../token/index.ts';
import { type Certificate, readCertificate, verifyChain } from '../../x509/index.ts';

export interface Reference {
  m2meId: string;
  orderId: string;
  nonce: Buffer;
  /** Component to its SHA-256, hexadecimal. */
  manifest: Readonly<Record<string, string>> | undefined;
  manufacturers: readonly Certificate[];
  nowMs: number;
}

/** A quote that does not answer the question (another machine, an old challenge, a stranger) is refused, not judged. */
export type Judgement = { kind: 'refused'; code: string } | { kind: 'judged'; positive: boolean; reason: string };

/**
 * Compares a quote with the reference. A quote that is not this machine's answer to this challenge is refused and changes
 * nothing; one that is gets a verdict, good or bad.
 */
export function judgeQuote(quote: Signed<Quote>, reference: Reference): Judgement {
  if (!isOf(quote.signer, reference) || quote.signer.subject !== reference.m2meId) {
    return { kind: 'refused', code: 'quote-signer-unknown' };
  }
  if (quote.m2meId !== reference.m2meId) return { kind: 'refused', code: 'quote-wrong-machine' };
  if (quote.orderId !== reference.orderId || !equalBytes(quote.nonce, reference.nonce)) {
    return { kind: 'refused', code: 'quote-not-fresh' };
  }
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

/** Issued by one of the manufacturers and within validity. */
function isOf(certificate: Certificate, { manufacturers, nowMs }: Reference): boolean {
  return manufacturers.some((authority) => {
    try {
      verifyChain(certificate, authority, nowMs);
      return true;
    } catch (error) {
      if (codeOf(error) === 'internal') throw error;
      return false;
    }
  });
}

function treCertificateFits(quote: Quote, reference: Reference): boolean {
  try {
    const certificate = readCertificate(quote.treCertificate);
    return certificate.subject === reference.m2meId && isOf(certificate, reference);
  } catch (error) {
    if (codeOf(error) === 'internal') throw error;
    return false;
  }
}
