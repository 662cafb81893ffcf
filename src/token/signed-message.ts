import { GbaError } from '../base/index.ts';
import {
  type Certificate,
  type DerCodec,
  decodeDer,
  derInteger,
  derSequence,
  encodeDer,
  type Signer,
  signCms,
  verifyCms,
} from '../x509/index.ts';

export type Signed<T> = T & { signer: Certificate };

export interface SignedMessage<T> {
  make(value: T, signer: Signer): Promise<Buffer>;
  /** Structure and signature are checked; whether `signer` may say this is the caller's business. */
  read(der: Uint8Array): Promise<Signed<T>>;
}

/** A signed message: CMS over DER that names its kind first, so that no signature serves for another kind. */
export function signedMessage<T extends object>(
  kind: number,
  code: string,
  fields: { [K in keyof T]: DerCodec<T[K]> },
): SignedMessage<T> {
  const codec = derSequence<{ kind: number; fields: T }>({
    kind: derInteger(kind, kind),
    fields: derSequence<T>(fields),
  });
  return {
    async make(value, signer) {
      let content: Buffer;
      try {
        content = encodeDer(codec, { kind, fields: value });
      } catch (cause) {
        throw new GbaError(code, 'what is to be signed does not fit its schema', { cause });
      }
      return await signCms(content, signer);
    },
    async read(der) {
      try {
        const { content, signer } = await verifyCms(der);
        return { ...decodeDer(codec, content).fields, signer };
      } catch (cause) {
        throw new GbaError(code, 'the signed message is malformed or its signature is wrong', { cause });
      }
    },
  };
}
