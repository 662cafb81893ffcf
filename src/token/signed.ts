import {
  derBoolean,
  derEnum,
  derInteger,
  derOctets,
  derSequence,
  derSequenceOf,
  derText,
  derTime,
} from '../x509/index.ts';
import { signedMessage as signed } from './signed-message.ts';

/** The owner's word to its machine: change operator (step 2), take that back, or sign these claims (signed variant). */
export interface Instruction {
  m2meId: string;
  /** Strictly increasing; the highest wins. */
  number: number;
  kind: 'change' | 'cancel' | 'sign';
  /** What is announced: DER of the claims, or of a signed token, which says itself who consents (`readAnnouncement`). */
  announced: Buffer;
}

/** The TRE's signed measurements (step 4). */
export interface Quote {
  m2meId: string;
  /** The new SHO's challenge, 32 octets. */
  nonce: Buffer;
  orderId: string;
  measurements: { name: string; sha256: Buffer }[];
  /** DER of the TRE's encryption certificate. */
  treCertificate: Buffer;
}

/** The PVA's word to the new SHO (step 5). `notAfter` in milliseconds. */
export interface Validation {
  orderId: string;
  nonce: Buffer;
  m2meId: string;
  positive: boolean;
  /** Stable code when negative, empty when positive. */
  reason: string;
  notAfter: number;
  treCertificate: Buffer;
}

const certificate = derOctets(1, 4096);
/** Claims, or claims with two signatures and the certificates inside them. */
const MAX_ANNOUNCEMENT = 16_384;

const instruction = signed<Instruction>(2, 'instruction-invalid', {
  m2meId: derText(128),
  number: derInteger(1, Number.MAX_SAFE_INTEGER),
  kind: derEnum(['change', 'cancel', 'sign']),
  announced: derOctets(1, MAX_ANNOUNCEMENT),
});
const quote = signed<Quote>(4, 'quote-invalid', {
  m2meId: derText(128),
  nonce: derOctets(32),
  orderId: derText(64),
  measurements: derSequenceOf(
    derSequence<Quote['measurements'][number]>({ name: derText(128), sha256: derOctets(32) }),
    1,
    64,
  ),
  treCertificate: certificate,
});
const validation = signed<Validation>(5, 'validation-invalid', {
  orderId: derText(64),
  nonce: derOctets(32),
  m2meId: derText(128),
  positive: derBoolean,
  reason: derText(64, true),
  notAfter: derTime,
  treCertificate: certificate,
});

export const makeInstruction = instruction.make;
export const readInstruction = instruction.read;
export const makeQuote = quote.make;
export const readQuote = quote.read;
export const makeValidation = validation.make;
export const readValidation = validation.read;
