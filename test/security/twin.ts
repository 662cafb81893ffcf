import { at, encodeTlv, members, readTlv, type Tlv } from '../support/tlv.ts';

/** Order of the group of P-256. */
const N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/** The same ECDSA signature as (r, n-s): octets that nobody signed, and that verify. */
function twinOfSignature(der: Buffer): Buffer {
  const signature = readTlv(der);
  const s = at(signature, 1);
  const value = N - BigInt(`0x${(s.value as Buffer).toString('hex')}`);
  const digits = value.toString(16);
  const octets = Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex');
  s.value = (octets[0] ?? 0) < 0x80 ? octets : Buffer.concat([Buffer.alloc(1), octets]);
  return encodeTlv(signature);
}

/** A CMS SignedData whose signer's signature is the twin. */
export function twinOf(cms: Buffer): Buffer {
  const tree = readTlv(cms);
  const signedData = at(tree, 1, 0);
  const signers = members(signedData).at(-1);
  const signature = signers && members(at(signers, 0)).at(-1);
  if (signature === undefined) throw new RangeError('no signature');
  signature.value = twinOfSignature(signature.value as Buffer);
  return encodeTlv(tree);
}

const SIGNED_DATA = '2a864886f70d010702';
const isSigned = (octets: Buffer): boolean => octets.subarray(0, 24).includes(Buffer.from(SIGNED_DATA, 'hex'));

/** The octets once for each signature in them, with that one replaced by its twin: CMS as such, in DER, or in JSON. */
export function twinsIn(octets: Buffer): Buffer[] {
  if (isSigned(octets)) return [twinOf(octets)];
  if (octets[0] === 0x7b) return twinsInJson(octets.toString());
  return [];
}

function twinsInJson(text: string): Buffer[] {
  const members = Object.entries(JSON.parse(text) as Record<string, unknown>);
  return members.flatMap(([name, value]) => {
    const octets = typeof value === 'string' ? Buffer.from(value, 'base64') : Buffer.alloc(0);
    return twinsInValue(octets).map((twin) =>
      Buffer.from(JSON.stringify({ ...Object.fromEntries(members), [name]: twin.toString('base64') })),
    );
  });
}

/** A value that is CMS, or a token: a SEQUENCE with CMS in its octet strings. */
function twinsInValue(octets: Buffer): Buffer[] {
  if (isSigned(octets)) return [twinOf(octets)];
  if (octets[0] !== 0x30) return [];
  let parts: Tlv[];
  try {
    parts = members(readTlv(octets));
  } catch {
    return [];
  }
  return parts.flatMap((part, i) => {
    if (!Buffer.isBuffer(part.value) || !isSigned(part.value)) return [];
    const changed = parts.map((one, j) => (i === j ? { tag: one.tag, value: twinOf(part.value as Buffer) } : one));
    return [encodeTlv({ tag: 0x30, value: changed })];
  });
}
