/** A DER value as a tree that tests can bend; `encodeTlv` puts the lengths right again. */
export interface Tlv {
  tag: number;
  value: Buffer | Tlv[];
}

/** Well-formed DER only. */
export function readTlv(der: Buffer): Tlv {
  const [only] = readAll(der);
  if (only === undefined) throw new RangeError('no TLV');
  return only;
}

function readAll(octets: Buffer): Tlv[] {
  const list: Tlv[] = [];
  for (let at = 0; at < octets.length; ) {
    const tag = octets.readUInt8(at);
    const first = octets.readUInt8(at + 1);
    const more = first < 0x80 ? 0 : first & 0x7f;
    const length = more === 0 ? first : octets.readUIntBE(at + 2, more);
    const from = at + 2 + more;
    const content = octets.subarray(from, from + length);
    list.push({ tag, value: (tag & 0x20) === 0 ? Buffer.from(content) : readAll(content) });
    at = from + length;
  }
  return list;
}

export function encodeTlv({ tag, value }: Tlv): Buffer {
  const content = Buffer.isBuffer(value) ? value : Buffer.concat(value.map(encodeTlv));
  if (content.length < 0x80) return Buffer.concat([Buffer.from([tag, content.length]), content]);
  const size = content.length.toString(16);
  const octets = Buffer.from(size.length % 2 === 0 ? size : `0${size}`, 'hex');
  return Buffer.concat([Buffer.from([tag, 0x80 | octets.length]), octets, content]);
}

/** The node reached by member indices. */
export function at(root: Tlv, ...path: number[]): Tlv {
  let node = root;
  for (const index of path) node = members(node)[index] ?? fail(path);
  return node;
}

export function members(node: Tlv): Tlv[] {
  if (Buffer.isBuffer(node.value)) throw new RangeError('a primitive value has no members');
  return node.value;
}

/** Every constructed node with its path, outermost first. */
export function constructed(root: Tlv, path: number[] = []): { path: number[]; node: Tlv }[] {
  if (Buffer.isBuffer(root.value)) return [];
  return [{ path, node: root }, ...root.value.flatMap((child, i) => constructed(child, [...path, i]))];
}

function fail(path: readonly number[]): never {
  throw new RangeError(`no node at ${path.join('.')}`);
}
