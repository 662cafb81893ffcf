import * as asn1js from 'asn1js';
import { GbaError } from '../base/index.ts';

/** Small readers and makers over asn1js nodes, for CMS only; messages of our own use the codecs of der.ts. */
export type Node = asn1js.BaseBlock;

const own = (octets: Uint8Array): ArrayBuffer => new Uint8Array(octets).buffer;

export const sequence = (...value: Node[]): Node => new asn1js.Sequence({ value });
export const setOf = (...value: Node[]): Node => new asn1js.Set({ value });
export const integer = (value: number): Node => new asn1js.Integer({ value });
export const oid = (value: string): Node => new asn1js.ObjectIdentifier({ value });
export const octets = (value: Uint8Array): Node => new asn1js.OctetString({ valueHex: own(value) });
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

  constructor(code: string) {
    this.#code = code;
  }

  refuse(why: string): never {
    throw new GbaError(this.#code, `CMS outside the profile: ${why}`);
  }

  /** The members of a SEQUENCE; with `count`, of exactly so many. */
  sequence(node: Node | undefined, what: string, count?: number): Node[] {
    if (!(node instanceof asn1js.Sequence)) return this.refuse(`${what} is no SEQUENCE`);
    return this.#counted(node.valueBlock.value, what, count);
  }

  /** The one member of a SET. */
  onlyOf(node: Node | undefined, what: string): Node {
    if (!(node instanceof asn1js.Set)) return this.refuse(`${what} is no SET`);
    const [only, more] = node.valueBlock.value;
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

  octets(node: Node | undefined, what: string): Buffer {
    return node instanceof asn1js.OctetString
      ? Buffer.from(node.valueBlock.valueHexView)
      : this.refuse(`${what} is no OCTET STRING`);
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
