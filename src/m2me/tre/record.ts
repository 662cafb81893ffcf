import { GbaError, SecretKey } from '../../base/index.ts';

/**
 * Plain form of a sealed record: public members as JSON, then secrets as octets, each with a 32-bit length. Secrets never
 * become strings, which could not be overwritten.
 */
export interface TreRecord<T> {
  meta: T;
  secrets: SecretKey[];
}

export function packRecord(meta: unknown, secrets: readonly SecretKey[]): SecretKey {
  const fields = [Buffer.from(JSON.stringify(meta), 'utf8'), ...secrets.map((secret) => secret.bytes())];
  const packed = Buffer.alloc(fields.reduce((size, field) => size + 4 + field.length, 0));
  let offset = 0;
  for (const field of fields) {
    offset = packed.writeUInt32BE(field.length, offset);
    offset += field.copy(packed, offset);
  }
  return SecretKey.adopt(packed);
}

/** Reads and erases `packed`. Throws `tre-record-invalid`. */
export function unpackRecord<T>(packed: SecretKey, parse: (value: unknown) => T): TreRecord<T> {
  try {
    const [meta, ...secrets] = splitFields(packed.bytes());
    if (meta === undefined) throw new RangeError('no members');
    return { meta: parse(JSON.parse(meta.toString('utf8'))), secrets: secrets.map((one) => SecretKey.copyOf(one)) };
  } catch (cause) {
    throw new GbaError('tre-record-invalid', 'a sealed record of the TRE is not well-formed', { cause });
  } finally {
    packed.erase();
  }
}

function splitFields(octets: Buffer): Buffer[] {
  const fields: Buffer[] = [];
  for (let offset = 0; offset < octets.length; ) {
    const length = octets.readUInt32BE(offset);
    if (offset + 4 + length > octets.length) throw new RangeError('truncated');
    fields.push(octets.subarray(offset + 4, offset + 4 + length));
    offset += 4 + length;
  }
  return fields;
}
