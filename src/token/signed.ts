import { GbaError } from '../base/index.ts';
import {
  type Certificate,
  type DerCodec,
  decodeDer,
  derBoolean,
  derEnum,
  derInteger,
  derOctets,
  derSequence,
  derSequenceOf,
  derText,
  derTime,
  encodeDer,
  type Signer,
  signCms,
  verifyCms,
} from '../x509/index.ts';

/** The owner's word to its machine (step 2), or the wish to take it back. */
export interface Instruction {
  m2meId: string;
  /** Strictly increasing; the highest wins. */
  number: number;
  kind: 'change' | 'cancel';
  /** DER of the claims announced. */
  claimsDer: Buffer;
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

export type Signed<T> = T & { signer: Certificate };

/** A signed message: CMS over DER that names its kind first, so that no signature serves for another kind. */
function signed<T extends object>(kind: number, code: string, fields: { [K in keyof T]: DerCodec<T[K]> }) {
  const codec = derSequence<{ kind: number; fields: T }>({
    kind: derInteger(kind, kind),
    fields: derSequence<T>(fields),
  });
  return {
    async make(value: T, signer: Signer): Promise<Buffer> {
      let content: Buffer;
      try {
        content = encodeDer(codec, { kind, fields: value });
      } catch (cause) {
        throw new GbaError(code, 'what is to be signed does not fit its schema', { cause });
      }
      return await signCms(content, signer);
    },
    /** Structure and signature are checked; whether `signer` may say this is the caller's business. */
    async read(der: Uint8Array): Promise<Signed<T>> {
      try {
        const { content, signer } = await verifyCms(der);
        return { ...decodeDer(codec, content).fields, signer };
      } catch (cause) {
        throw new GbaError(code, 'the signed message is malformed or its signature is wrong', { cause });
      }
    },
  };
}

const certificate = derOctets(1, 4096);

const instruction = signed<Instruction>(2, 'instruction-invalid', {
  m2meId: derText(128),
  number: derInteger(1, Number.MAX_SAFE_INTEGER),
  kind: derEnum(['change', 'cancel']),
  claimsDer: derOctets(1, 4096),
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
