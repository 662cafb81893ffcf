import { GbaError, SecretKey } from '../base/index.ts';
import {
  type DerCodec,
  decodeDer,
  derEnum,
  derInteger,
  derOctets,
  derSequence,
  derText,
  encodeDer,
} from '../x509/index.ts';

/** A subscription as the TRE holds it: identity, keys, and where its operator is found. */
export interface Mcim {
  impi: string;
  algorithm: 'milenage';
  k: SecretKey;
  opc: SecretKey;
  /** Length of IND in SQN, bits (TS 33.102 C.1.1). */
  indBits: number;
  bsf: { fqdn: string; url: string };
  /** The operator's M2M server, a NAF whose FQDN is `id`. */
  sho: { id: string; url: string };
}

const secret16: DerCodec<SecretKey> = (() => {
  const octets = derOctets(16);
  return {
    toAsn: (key) => octets.toAsn(Buffer.from(key.bytes())),
    fromAsn: (node) => SecretKey.adopt(octets.fromAsn(node)),
  };
})();

/** An http or https URL: with anything else the machine would install a subscription that it can never use. */
const url: DerCodec<string> = (() => {
  const text = derText(512);
  const checked = (value: string): string => {
    const protocol = URL.canParse(value) ? new URL(value).protocol : '';
    if (protocol === 'http:' || protocol === 'https:') return value;
    throw new GbaError('der-invalid', 'not an http or https URL');
  };
  return { toAsn: (value) => text.toAsn(checked(value)), fromAsn: (node) => checked(text.fromAsn(node)) };
})();

export const mcimCodec = derSequence<Mcim>({
  impi: derText(253),
  algorithm: derEnum(['milenage']),
  k: secret16,
  opc: secret16,
  indBits: derInteger(0, 16),
  bsf: derSequence<Mcim['bsf']>({ fqdn: derText(253), url }),
  sho: derSequence<Mcim['sho']>({ id: derText(253), url }),
});

/** DER of the MCIM: key material, to be enveloped or sealed at once. Throws `mcim-invalid`. */
export function encodeMcim(mcim: Mcim): SecretKey {
  return SecretKey.adopt(asMcim(() => encodeDer(mcimCodec, mcim)));
}

/** Throws `mcim-invalid`. */
export function decodeMcim(der: Uint8Array): Mcim {
  return asMcim(() => decodeDer(mcimCodec, der, { size: 4096 }));
}

function asMcim<T>(code: () => T): T {
  try {
    return code();
  } catch (cause) {
    throw new GbaError('mcim-invalid', 'not a valid MCIM', { cause });
  }
}
