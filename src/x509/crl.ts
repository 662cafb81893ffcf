import { createHash } from 'node:crypto';
import { GbaError } from '../base/index.ts';
import { EXTENSION, extensionsOf, publicKeyInfoOf, readExtensions, subjectOf } from './certificate-fields.ts';
import { parseDer } from './der.ts';
import type { Signer } from './keys.ts';
import {
  context,
  contextOctets,
  encode,
  enumerated,
  integer,
  integerOf,
  integerText,
  isContext,
  isInteger,
  type Node,
  NodeReader,
  octets,
  oid,
  rawOf,
  sequence,
} from './nodes.ts';
import { readPem } from './pem.ts';
import { ecdsaSha256, makeSignedForm, readSignedForm, type SignedForm } from './signature.ts';
import { isTime, readTime, timeNode } from './times.ts';

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
  const issuer = parseDer(list.issuer.certificate);
  const tbs = sequence(
    integer(1),
    ecdsaSha256(),
    subjectOf(issuer, read),
    timeNode(list.thisUpdate),
    timeNode(list.nextUpdate),
    ...(list.revoked.length > 0 ? [sequence(...list.revoked.map(entryNode))] : []),
    context(
      0,
      sequence(
        extensionNode(EXTENSION.authorityKeyIdentifier, sequence(contextOctets(0, keyIdentifierOf(issuer, read)))),
        extensionNode(EXTENSION.crlNumber, integer(list.number)),
      ),
    ),
  );
  return makeSignedForm(tbs, list.issuer.key);
}

function entryNode({ serialNumber, at, reason }: Revocation): Node {
  const entry = [integerOf(serialNumber), timeNode(at)];
  if (reason === undefined) return sequence(...entry);
  return sequence(...entry, sequence(extensionNode(EXTENSION.reasonCode, enumerated(REVOCATION_REASONS[reason]))));
}

const extensionNode = (id: string, value: Node): Node => sequence(oid(id), octets(encode(value)));

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
  const { content, form } = readSignedForm(parseDer(der, { size: LARGEST }), read);
  const fields = [...read.sequence(content, 'tbsCertList')];
  const versionTwo = isInteger(fields[0]);
  if (versionTwo) read.integer(fields.shift(), 1, 'version');
  const [algorithm, issuer, thisUpdate, nextUpdate, ...rest] = fields;
  if (algorithm === undefined || issuer === undefined) return read.refuse('it is cut short');
  if (!rawOf(algorithm).equals(rawOf(form.algorithm))) return read.refuse('it names two signature algorithms');
  if (!isTime(nextUpdate)) return read.refuse('it does not say when it ends');
  const entries = isContext(rest[0], 0) ? undefined : rest.shift();
  const extensions = rest.shift();
  if (rest.length > 0 || (extensions !== undefined && !versionTwo)) return read.refuse('members out of place');
  return {
    der,
    issuer: rawOf(issuer),
    number: extensions === undefined ? undefined : numberIn(extensions, read),
    thisUpdate: readTime(thisUpdate, 'thisUpdate', read),
    nextUpdate: readTime(nextUpdate, 'nextUpdate', read),
    revoked: new Map(entries === undefined ? [] : read.sequence(entries, 'entries').map((one) => readEntry(one, read))),
    form,
  };
}

/** Whatever is critical and not understood changes what the list means: which certificates, which reasons, a delta. */
function numberIn(extensions: Node, read: NodeReader): string | undefined {
  let number: string | undefined;
  for (const { id, critical, value } of readExtensions(read.context(extensions, 0, 'extensions', 1)[0], read)) {
    if (id === EXTENSION.crlNumber) number = integerText(parseDer(value), 'CRL number', read);
    else if (critical) read.refuse(`critical extension ${id} is not understood`);
  }
  return number;
}

function readEntry(entry: Node, read: NodeReader): [string, number] {
  const [serial, at, extensions, more] = read.sequence(entry, 'entry');
  if (more !== undefined) read.refuse('an entry has too many members');
  for (const { id, critical, value } of extensions === undefined ? [] : readExtensions(extensions, read)) {
    if (id === EXTENSION.reasonCode) {
      if (read.enumerated(parseDer(value), 'reason') === REMOVE) read.refuse('a complete list removes nothing');
    } else if (critical) read.refuse(`critical entry extension ${id} is not understood`);
  }
  return [integerText(serial, 'serial number', read), readTime(at, 'revocation date', read)];
}
