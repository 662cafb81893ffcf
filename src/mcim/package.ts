import { createHash, type KeyObject } from 'node:crypto';
import { codeOf, GbaError, type Random } from '../base/index.ts';
import {
  type Certificate,
  decodeDer,
  derOctets,
  derSequence,
  derText,
  encodeDer,
  envelope,
  openEnvelope,
  type Signer,
  signCms,
  verifyCms,
} from '../x509/index.ts';
import { type Mcim, mcimCodec } from './mcim.ts';

/** What is inside the envelope: the MCIM and whom it is for, so that a re-signed envelope does not fit. */
interface Content {
  newShoId: string;
  m2meId: string;
  serial: Buffer;
  mcim: Mcim;
}

const contentCodec = derSequence<Content>({
  newShoId: derText(253),
  m2meId: derText(128),
  serial: derOctets(16),
  mcim: mcimCodec,
});

export interface PackageRequest extends Content {
  signer: Signer;
  /** DER of the TRE's encryption certificate. */
  recipientCertificate: Buffer;
  random: Random;
}

/** The MCIM package: CMS SignedData of the new SHO over AuthEnvelopedData to the TRE. */
export async function makePackage(request: PackageRequest): Promise<Buffer> {
  const { newShoId, m2meId, serial, mcim } = request;
  const plain = encodeContent({ newShoId, m2meId, serial, mcim });
  const enveloped = await envelope(plain, request.recipientCertificate, request.random);
  plain.fill(0);
  return await signCms(enveloped, request.signer);
}

function encodeContent(content: Content): Buffer {
  try {
    return encodeDer(contentCodec, content);
  } catch (cause) {
    throw new GbaError('package-invalid', 'what is to be packed does not fit its schema', { cause });
  }
}

/** SHA-256 over the exact octets as transported: what tag1 binds. */
export function packageDigest(der: Uint8Array): Buffer {
  return createHash('sha256').update(der).digest();
}

/** The signature first, before anything is decrypted. Throws `package-invalid`. */
export async function verifyPackage(der: Uint8Array): Promise<{ signer: Certificate; envelope: Buffer }> {
  try {
    const { content, signer } = await verifyCms(der);
    return { signer, envelope: content };
  } catch (cause) {
    throw new GbaError('package-invalid', 'the package is malformed or its signature is wrong', { cause });
  }
}

/** Opens a verified package in the TRE. Throws `package-recipient-wrong` or `package-invalid`. */
export async function openPackage(
  enveloped: Uint8Array,
  recipient: { key: KeyObject; certificate: Buffer },
): Promise<Content> {
  try {
    const plain = await openEnvelope(enveloped, recipient.key, recipient.certificate);
    try {
      return decodeDer(contentCodec, plain.bytes(), { size: 8192 });
    } finally {
      plain.erase();
    }
  } catch (cause) {
    const wrong = codeOf(cause) === 'envelope-recipient-wrong';
    const code = wrong ? 'package-recipient-wrong' : 'package-invalid';
    throw new GbaError(code, wrong ? 'the package is for another TRE key' : 'the package does not open', { cause });
  }
}
