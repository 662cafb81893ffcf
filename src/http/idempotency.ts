import type { IncomingMessage } from 'node:http';
import { GbaError } from '../base/index.ts';

const KEY = /^"([A-Za-z0-9._~-]{1,64})"$/;

/** The Idempotency-Key of a request (draft-ietf-httpapi-idempotency-key-header 2.1: a string in quotes), if it has one. */
export function idempotencyKeyOf({ headers }: Pick<IncomingMessage, 'headers'>): string | undefined {
  const header = headers['idempotency-key'];
  if (header === undefined) return undefined;
  const key = KEY.exec(String(header))?.[1];
  if (key === undefined) {
    throw new GbaError('idempotency-key-invalid', 'Idempotency-Key is 1 to 64 letters, digits, . _ ~ - in quotes');
  }
  return key;
}

export const idempotencyHeader = (key: string): Record<string, string> => ({ 'idempotency-key': `"${key}"` });
