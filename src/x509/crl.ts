import { createHash } from 'node:crypto';
import { fromHex, GbaError } from '../base/index.ts';
import { EXTENSION, extensionsOf, publicKeyInfoOf, readExtensions, subjectOf } from './certificate-fields.ts';
import { parseDer, parseOnce } from './der.ts';
import type { Signer } from './keys.ts';
import {
  context,
  contextOctets,
  encode,
  enumerated,
  integer,
  integerText,
  type Node,
  NodeReader,
  octets,
  oid,
  rawOf,
  sequence,
} from './nodes.ts';
import { readPem } from './pem.ts';
import { ECDSA_SHA256, makeSignedForm, readSignedForm, type SignedForm } from './signature.ts';
import { checkStrictDer } from './strict-der.ts';
import { isTime, readTime, timeOctets } from './times.ts';
import { readTlvs, type Tlv, tlv } from './tlv.ts';

const INTEGER = 0x02;
const SEQUENCE = 0x30;
const VERSION_TWO = Buffer.of(1);

/** Reasons of RFC 5280 5.3.1 that we give; without one it is unspecified. A hold is none: nothing here takes one back. */
export const REVOCATION_REASONS = {
  'key-compromise': 1,
  'affiliation-changed': 3,
  superseded: 4,
  'cessation-of-operation': 5,
  'privilege-withdrawn': 9,
} as const;
export type RevocationReason = keyof typeof REVOCATION_REASONS;

export interface Revocation {
  /** Hexadecimal, as `serialNumberOf` gives it. */
  serialNumber: string;
  /** Milliseconds since 1970. */
  at: number;
  reason?: RevocationReason;
}

/** A revocation list as read: nothing is said yet about who signed it. Times in milliseconds. */
export interface Crl {
  der: Buffer;
  /** DER of the issuer's Name. */
  issuer: Buffer;
  /** CRL number in hexadecimal; lists of version 1 have none. */
  number: string | undefined;
  thisUpdate: number;
  nextUpdate: number;
  /** Serial number to the time of revocation. */
  revoked: ReadonlyMap<string, number>;
  form: SignedForm;
}

const PEM_LABEL = 'X509 CRL';
/** Some 200,000 entries. */
const LARGEST = 8 * 1024 * 1024;
/** removeFromCRL: in delta lists only. */
const REMOVE = 8;

/** Issues a complete list of version 2 (RFC 5280 5) with number and authority key identifier. Returns its DER. */
export function issueCrl(list: {
  issuer: Signer;
  thisUpdate: number;
  nextUpdate: number;
  /** Rises from list to list. */
  number: number;
  revoked: readonly Revocation[];
}): Buffer {
  if (list.nextUpdate <= list.thisUpdate) throw new GbaError('crl-invalid', 'a list has to end after it begins');
  if (new Set(list.revoked.map(({ serialNumber }) => serialNumber)).size !== list.revoked.length) {
    throw new GbaError('crl-invalid', 'a serial number stands twice');
  }
  const read = new NodeReader('certificate-invalid', 'certificate');
  const issuer = parseOnce(list.issuer.certificate);
  const extensions = sequence(
    extensionNode(EXTENSION.authorityKeyIdentifier, sequence(contextOctets(0, keyIdentifierOf(issuer, read)))),
    extensionNode(EXTENSION.crlNumber, integer(list.number)),
  );
  const tbs = tlv(
    SEQUENCE,
    encode(integer(1)),
    ECDSA_SHA256,
    rawOf(subjectOf(issuer, read)),
    timeOctets(list.thisUpdate),
    timeOctets(list.nextUpdate),
    ...(list.revoked.length > 0 ? [tlv(SEQUENCE, ...list.revoked.map(entryOctets))] : []),
    encode(context(0, extensions)),
  );
  return makeSignedForm(tbs, list.issuer.key);
}

function entryOctets({ serialNumber, at, reason }: Revocation): Buffer {
  const serial = fromHex(serialNumber);
  const sign = ((serial[0] ?? 0) & 0x80) === 0 ? [] : [Buffer.of(0)];
  return tlv(SEQUENCE, tlv(INTEGER, ...sign, serial), timeOctets(at), ...(reason ? [REASON_OCTETS[reason]] : []));
}

const extensionNode = (id: string, value: Node): Node => sequence(oid(id), octets(encode(value)));

const reasonOctets = (reason: RevocationReason): Buffer =>
  encode(sequence(extensionNode(EXTENSION.reasonCode, enumerated(REVOCATION_REASONS[reason]))));

/** The extensions of an entry with this reason. */
const REASON_OCTETS = Object.fromEntries(
  (Object.keys(REVOCATION_REASONS) as RevocationReason[]).map((reason) => [reason, reasonOctets(reason)]),
) as Record<RevocationReason, Buffer>;

/** The identifier that the issuer's certificate has, else SHA-1 of its key (RFC 5280 4.2.1.2): a name, not a protection. */
function keyIdentifierOf(issuer: Node, read: NodeReader): Buffer {
  const own = extensionsOf(issuer, read).find(({ id }) => id === EXTENSION.subjectKeyIdentifier);
  if (own !== undefined) return read.octets(parseDer(own.value), 'subjectKeyIdentifier');
  const key = read.bits(read.sequence(publicKeyInfoOf(issuer, read), 'SPKI', 2)[1], 'public key');
  return createHash('sha1').update(key).digest();
}

/** A complete list from DER or PEM. Throws `crl-invalid`. */
export function readCrl(input: Uint8Array | string): Crl {
  const text =
    typeof input === 'string' ? input : input[0] === 0x30 ? undefined : Buffer.from(input).toString('latin1');
  const der = text === undefined ? Buffer.from(input) : readPem(text, PEM_LABEL);
  try {
    if (der === undefined) throw new GbaError('crl-invalid', 'not exactly one PEM block of a revocation list');
    return parseCrl(der);
  } catch (cause) {
    throw new GbaError('crl-invalid', 'not a certificate revocation list', { cause });
  }
}

function parseCrl(der: Buffer): Crl {
  const read = new NodeReader('crl-invalid', 'revocation list');
  checkStrictDer(der, { size: LARGEST });
  const form = readSignedForm(der, read);
  const [content] = readTlvs(form.signed);
  const fields = readTlvs(content?.tag === SEQUENCE ? content.value : read.refuse('tbsCertList is no SEQUENCE'));
  const version = fields[0]?.tag === INTEGER ? fields.shift() : undefined;
  if (version !== undefined && !version.value.equals(VERSION_TWO)) return read.refuse('the version is unknown');
  const [algorithm, issuer, thisUpdate, nextUpdate, ...rest] = fields;
  if (algorithm === undefined || issuer === undefined) return read.refuse('it is cut short');
  if (!algorithm.raw.equals(form.algorithm)) return read.refuse('it names two signature algorithms');
  if (!isTime(nextUpdate)) return read.refuse('it does not say when it ends');
  const entries = rest[0]?.tag === SEQUENCE ? rest.shift() : undefined;
  const extensions = rest.shift();
  if (rest.length > 0 || (extensions !== undefined && version === undefined))
    return read.refuse('members out of place');
  return {
    der,
    issuer: issuer.raw,
    number: extensions === undefined ? undefined : numberIn(extensions, read),
    thisUpdate: readTime(thisUpdate, 'thisUpdate', read),
    nextUpdate: readTime(nextUpdate, 'nextUpdate', read),
    revoked: entries === undefined ? new Map() : readEntries(entries, read),
    form,
  };
}

/** Whatever is critical and not understood changes what the list means: which certificates, which reasons, a delta. */
function numberIn({ raw }: Tlv, read: NodeReader): string | undefined {
  let number: string | undefined;
  for (const { id, critical, value } of readExtensions(read.context(parseDer(raw), 0, 'extensions', 1)[0], read)) {
    if (id === EXTENSION.crlNumber) {
      number = integerText(read.integerOctets(parseDer(value), 'CRL number'), 'CRL number', read);
    } else if (critical) read.refuse(`critical extension ${id} is not understood`);
  }
  return number;
}

function readEntries({ value }: Tlv, read: NodeReader): Map<string, number> {
  const revoked = new Map<string, number>();
  // Most entries say the same.
  const checked = new Set<string>();
  for (const entry of readTlvs(value)) {
    const [serial, at, extensions, more] = entry.tag === SEQUENCE ? readTlvs(entry.value) : [];
    if (serial?.tag !== INTEGER || more !== undefined) return read.refuse('an entry is malformed');
    const said = extensions?.raw.toString('latin1');
    if (extensions !== undefined && said !== undefined && !checked.has(said)) {
      checkEntryExtensions(extensions, read);
      checked.add(said);
    }
    revoked.set(integerText(serial.value, 'serial number', read), readTime(at, 'revocation date', read));
  }
  return revoked;
}

function checkEntryExtensions({ raw }: Tlv, read: NodeReader): void {
  for (const { id, critical, value } of readExtensions(parseDer(raw), read)) {
    if (id === EXTENSION.reasonCode) {
      if (read.enumerated(parseDer(value), 'reason') === REMOVE) read.refuse('a complete list removes nothing');
    } else if (critical) read.refuse(`critical entry extension ${id} is not understood`);
  }
}
