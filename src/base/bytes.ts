import { timingSafeEqual } from 'node:crypto';
import { GbaError } from './errors.ts';

const HEX = /^(?:[0-9a-fA-F]{2})*$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Guard with a title: TypeError for a wrong kind, RangeError for a wrong size (octets). */
export function assertBytes(
  value: unknown,
  length: number | readonly number[],
  title: string,
): asserts value is Uint8Array {
  if (!(value instanceof Uint8Array)) throw new TypeError(`${title}: expected octets`);
  const sizes = typeof length === 'number' ? [length] : length;
  if (!sizes.includes(value.length)) {
    throw new RangeError(`${title}: expected ${sizes.join(' or ')} octets, got ${value.length}`);
  }
}

/** Strict hexadecimal text to octets; `length` in octets when it is fixed. Throws `hex-invalid`. */
export function fromHex(text: string, length?: number, title = 'value'): Buffer {
  if (typeof text !== 'string' || !HEX.test(text))
    throw new GbaError('hex-invalid', `${title}: not hexadecimal octets`);
  if (length !== undefined && text.length !== length * 2) {
    throw new GbaError('hex-invalid', `${title}: expected ${length} octets, got ${text.length / 2}`);
  }
  return Buffer.from(text, 'hex');
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

/** Canonical base64 (standard alphabet, padding, no blanks, zero trailing bits) to octets. Throws `base64-invalid`. */
export function fromBase64(text: string, title = 'value'): Buffer {
  if (typeof text !== 'string' || !BASE64.test(text))
    throw new GbaError('base64-invalid', `${title}: not canonical base64`);
  const bytes = Buffer.from(text, 'base64');
  if (bytes.toString('base64') !== text) throw new GbaError('base64-invalid', `${title}: not canonical base64`);
  return bytes;
}

export function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

/** Equality in time that depends on the lengths only. The one place secrets and tags are compared. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
