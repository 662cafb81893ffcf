import { z } from 'zod';
import { GbaError, SecretKey } from '../../base/index.ts';

/** Octets in lower-case hex, `length` of them when it is fixed (format `gba-vectors/1`). */
export const hex = (length?: number) =>
  z
    .string()
    .regex(length === undefined ? /^(?:[0-9a-f]{2})*$/ : new RegExp(`^[0-9a-f]{${length * 2}}$`), {
      error: length === undefined ? 'expected lower-case hex' : `expected ${length} octets in lower-case hex`,
    })
    .transform((text) => Buffer.from(text, 'hex'));

/** As `hex`, for keys. */
export const hexKey = (length: number) => hex(length).transform((octets) => SecretKey.adopt(octets));

/** A value of this format that does not fit its schema, unknown fields included. Throws `vector-invalid`. */
export function read<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'vector'}: ${issue.message}`);
  throw new GbaError('vector-invalid', issues.join('; '));
}
