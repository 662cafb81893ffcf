import * as asn1js from 'asn1js';
import { GbaError } from '../base/index.ts';

/** Small readers and makers over asn1js nodes, for the structures of others; messages of our own use the codecs of der.ts. */
export type Node = asn1js.BaseBlock;

const own = (octets: Uint8Array): ArrayBuffer => new Uint8Array(octets).buffer;

export const sequence = (...value: Node[]): Node => new asn1js.Sequence({ value });
export const setOf = (...value: Node[]): Node => new asn1js.Set({ value });
export const integer = (value: number): Node => new asn1js.Integer({ value });
export const oid = (value: string): Node => new asn1js.ObjectIdentifier({ value });
export const octets = (value: Uint8Array): Node => new asn1js.OctetString({ valueHex: own(value) });
export const bits = (value: Uint8Array): Node => new asn1js.BitString({ valueHex: own(value), unusedBits: 0 });
export const utf8 = (value: string): Node => new asn1js.Utf8String({ value });
export const enumerated = (value: number): Node => new asn1js.Enumerated({ value });
export const context = (tagNumber: number, ...value: Node[]): Node =>
  new asn1js.Constructed({ idBlock: { tagClass: 3, tagNumber }, value });
export const contextOctets = (tagNumber: number, value: Uint8Array): Node =>
  new asn1js.Primitive({ idBlock: { tagClass: 3, tagNumber }, valueHex: own(value) });

export const encode = (node: Node): Buffer => Buffer.from(node.toBER());

/** The octets of a node exactly as received. */
export const rawOf = (node: Node): Buffer => Buffer.from(node.valueBeforeDecodeView);

/** `[tag]`, constructed. */
export const isContext = (node: Node | undefined, tag: number): node is asn1js.Constructed =>
  node instanceof asn1js.Constructed && node.idBlock.tagClass === 3 && node.idBlock.tagNumber === tag;

/** Refuses with the code of the structure that is being read. */
export class NodeReader {
  readonly #code: string;
  readonly #what: string;

  constructor(code: string, what = 'CMS') {
    this.#code = code;
    this.#what = what;
  }

  refuse(why: string): never {
    throw new GbaError(this.#code, `${this.#what} outside the profile: ${why}`);
  }

  /** The members of a SEQUENCE; with `count`, of exactly so many. */
  sequence(node: Node | undefined, what: string, count?: number): Node[] {
    if (!(node instanceof asn1js.Sequence)) return this.refuse(`${what} is no SEQUENCE`);
    return this.#counted(node.valueBlock.value, what, count);
  }

  /** The members of a SET, at least one. */
  members(node: Node | undefined, what: string): Node[] {
    if (!(node instanceof asn1js.Set)) return this.refuse(`${what} is no SET`);
    return node.valueBlock.value.length > 0 ? node.valueBlock.value : this.refuse(`${what} is empty`);
  }

  /** The one member of a SET. */
  onlyOf(node: Node | undefined, what: string): Node {
    const [only, more] = this.members(node, what);
    return only !== undefined && more === undefined ? only : this.refuse(`${what} has not exactly one member`);
  }

  oid(node: Node | undefined, expected: string, what: string): void {
    if (this.anyOid(node, what) !== expected) this.refuse(`${what} is not ${expected}`);
  }

  anyOid(node: Node | undefined, what: string): string {
    return node instanceof asn1js.ObjectIdentifier ? node.getValue() : this.refuse(`${what} is no OBJECT IDENTIFIER`);
  }

  integer(node: Node | undefined, expected: number, what: string): void {
    if (!(node instanceof asn1js.Integer) || node.toBigInt() !== BigInt(expected))
      this.refuse(`${what} is not ${expected}`);
  }

  /** The octets of an INTEGER as they stand. */
  integerOctets(node: Node | undefined, what: string): Buffer {
    if (!(node instanceof asn1js.Integer) || node instanceof asn1js.Enumerated) {
      return this.refuse(`${what} is no INTEGER`);
    }
    return Buffer.from(node.valueBlock.valueHexView);
  }

  octets(node: Node | undefined, what: string): Buffer {
    return node instanceof asn1js.OctetString
      ? Buffer.from(node.valueBlock.valueHexView)
      : this.refuse(`${what} is no OCTET STRING`);
  }

  enumerated(node: Node | undefined, what: string): number {
    return node instanceof asn1js.Enumerated ? Number(node.toBigInt()) : this.refuse(`${what} is no ENUMERATED`);
  }

  boolean(node: Node | undefined, what: string): boolean {
    return node instanceof asn1js.Boolean ? node.getValue() : this.refuse(`${what} is no BOOLEAN`);
  }

  /** BIT STRING of whole octets. */
  bits(node: Node | undefined, what: string): Buffer {
    if (!(node instanceof asn1js.BitString)) return this.refuse(`${what} is no BIT STRING`);
    if (node.valueBlock.unusedBits !== 0) return this.refuse(`${what} is not of whole octets`);
    return Buffer.from(node.valueBlock.valueHexView);
  }

  isNull(node: Node): boolean {
    return node instanceof asn1js.Null;
  }

  /** `[tag]`, constructed: its members; with `count`, exactly so many. */
  context(node: Node | undefined, tag: number, what: string, count?: number): Node[] {
    return isContext(node, tag)
      ? this.#counted(node.valueBlock.value, what, count)
      : this.refuse(`${what} is not [${tag}]`);
  }

  #counted(members: Node[], what: string, count: number | undefined): Node[] {
    if (count !== undefined && members.length !== count) this.refuse(`${what} has not exactly ${count} members`);
    return members;
  }

  /** `[tag]`, primitive: its octets. */
  contextOctets(node: Node | undefined, tag: number, what: string): Buffer {
    const fits = node instanceof asn1js.Primitive && node.idBlock.tagClass === 3 && node.idBlock.tagNumber === tag;
    return fits ? Buffer.from(node.valueBlock.valueHexView) : this.refuse(`${what} is not [${tag}]`);
  }

  /** AlgorithmIdentifier `expected` with absent parameters (NULL is taken too where `nullTaken`). */
  algorithm(node: Node | undefined, expected: string, what: string, nullTaken = false): void {
    const [id, parameters, more] = this.sequence(node, what);
    this.oid(id, expected, what);
    const fine = parameters === undefined || (nullTaken && parameters instanceof asn1js.Null);
    if (!fine || more !== undefined) this.refuse(`${what} has parameters`);
  }
}

/** The octets of an INTEGER from 0 on in hexadecimal, as `openssl x509 -serial` writes it, in lower case. */
export function integerText(value: Buffer, what: string, read: NodeReader): string {
  // Its text would be that of another, positive number.
  if (((value[0] ?? 0x80) & 0x80) !== 0) return read.refuse(`${what} is negative`);
  return value.subarray(value[0] === 0 && value.length > 1 ? 1 : 0).toString('hex');
}
