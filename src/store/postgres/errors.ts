import { GbaError } from '../../base/index.ts';

/** What a person has to mend; SQLSTATE classes, and the words of the common ones. */
const LASTING = /^(?:0A|22|28|3D|3F|42)/;
const WORDS: Readonly<Record<string, string>> = {
  '28P01': 'user or password refused',
  '28000': 'user refused',
  '3D000': 'no such database',
  '42501': 'the user lacks a right',
  '53300': 'too many connections',
  '57014': 'the statement took too long',
  '57P03': 'the server is starting or stopping',
  '25006': 'the server is a read-only replica',
};
const TLS_REFUSED = /^(?:ERR_TLS|ERR_SSL|CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO)/;
const NO_TLS = 'The server does not support SSL connections';

/** SQLSTATE, or Node's code of a failed connection. */
function reasonOf(error: unknown): string | undefined {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && /^[A-Z0-9_]+$/.test(code) ? code : undefined;
}

/**
 * Whatever the library throws as a refusal of ours. Without the original as its cause: that one may show rows, and parts
 * of the address.
 */
export function storeUnavailable(error: unknown): GbaError {
  if (error instanceof GbaError) return error;
  const reason = reasonOf(error);
  if (error instanceof Error && error.message === NO_TLS) {
    return new GbaError('store-unavailable', 'the store cannot be used: its server does not speak TLS');
  }
  if (reason === undefined) return new GbaError('store-unavailable', 'the store does not answer', { retryable: true });
  const words = WORDS[reason];
  const text = words === undefined ? reason : `${words}, ${reason}`;
  const retryable = !LASTING.test(reason) && !TLS_REFUSED.test(reason);
  return new GbaError('store-unavailable', `the store cannot be used (${text})`, { retryable });
}

/** The server undid the transaction because of another one: the same again may pass. */
export function isConflict(error: unknown): boolean {
  const reason = reasonOf(error);
  return reason === '40001' || reason === '40P01';
}

/** The server itself refused the statement, and the connection is as good as before. */
export function isRefusal(error: unknown): boolean {
  return error instanceof Error && 'severity' in error && error.severity === 'ERROR';
}

/** The server has been waited for long enough. */
export function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.message === 'Query read timeout';
}
