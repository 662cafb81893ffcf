/**
 * Every refusal of this product is a `GbaError` with a stable, kebab-case `code`. The code is an interface: tests, logs,
 * problem details and operators' scripts rely on it. Messages and fields never hold a secret.
 */
export class GbaError extends Error {
  readonly code: string;
  /** True when the same request may succeed later without a change (peer down, not announced yet). */
  readonly retryable: boolean;

  constructor(code: string, message: string, options: { cause?: unknown; retryable?: boolean } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'GbaError';
    this.code = code;
    this.retryable = options.retryable ?? false;
  }
}

/** The stable code of any thrown value; foreign errors are `internal`. */
export function codeOf(error: unknown): string {
  return error instanceof GbaError ? error.code : 'internal';
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
