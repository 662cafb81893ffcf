import type { ServerResponse } from 'node:http';
import { codeOf, GbaError } from '../base/index.ts';

/**
 * The only place that knows which HTTP status a refusal has. Codes not listed and not foreign are 400 (the caller's
 * fault); foreign errors are 500 and show nothing of themselves.
 */
const STATUS: Readonly<Record<string, number>> = {
  internal: 500,
  'seal-broken': 500,
  'key-erased': 500,
  'sqn-exhausted': 500,
  'body-consumed': 500,
  'store-unavailable': 503,
  'subscriber-unconfirmed': 503,
  'not-found': 404,
  'method-not-allowed': 405,
  'media-type-unsupported': 415,
  'body-too-large': 413,
  'headers-too-many': 431,
  'body-timeout': 408,
  overloaded: 503,
  'peer-unreachable': 503,
  'peer-refused': 502,
  'upstream-unreachable': 502,
  'upstream-refused': 502,
  'upstream-timeout': 504,
  'upgrade-refused': 501,
  'proxy-loop': 508,
  unauthenticated: 401,
  'bearer-missing': 401,
  'bearer-invalid': 401,
  'bearer-scope': 403,
  forbidden: 403,
  'gba-digest-refused': 403,
  'naf-not-allowed': 403,
  'btid-unknown': 404,
  'user-unknown': 404,
  'tmpi-unknown': 404,
  'rand-reused': 503,
  'issuer-unknown': 404,
  'enrolment-forbidden': 403,
  'subject-forbidden': 403,
  'key-revoked': 403,
  'too-many-keys': 403,
  'authority-expired': 503,
  'not-owner': 403,
  'not-operator': 403,
  'order-unknown': 404,
  'delivery-unknown': 404,
  'release-unknown': 404,
  'machine-unknown': 404,
  'serial-unknown': 404,
  conflict: 409,
  'repeat-differs': 422,
  'invalid-transition': 409,
  'release-open': 409,
  'out-of-order': 503,
  'bootstrap-missing': 409,
  'device-certificate-missing': 409,
  'release-not-composed': 409,
  'preload-unknown': 409,
  'no-subscription-free': 503,
  'order-open': 409,
  // Not for good: the other delivery ends, and a copy of this one may come late.
  'delivery-open': 503,
  'not-announced': 409,
  'too-late': 409,
  'token-serial-spent': 409,
  'token-returned': 409,
  'instruction-not-owner': 403,
  'instruction-replayed': 409,
  'no-subscription': 409,
  'token-superseded': 409,
};

/** `type` of our own problems: this, then the code. */
export const PROBLEM_TYPE = 'urn:gba-authz:problem:';

export interface ProblemDetails {
  type: string;
  title: string;
  status: number;
  cause: string;
  detail?: string;
}

/** What `cause` says for a code: the code itself, or the word of a standard. */
export type CauseOf = (code: string, status: number) => string;

/** Application errors of TS 29.309, TS 29.562 and TS 29.500 table 5.2.7.2-1, by our codes; the rest follows from the status. */
const STANDARD_CAUSE: Readonly<Record<string, string>> = {
  'user-unknown': 'USER_NOT_FOUND',
  'btid-unknown': 'CONTEXT_NOT_FOUND',
  forbidden: 'OPERATION_NOT_ALLOWED',
  'naf-not-allowed': 'OPERATION_NOT_ALLOWED',
  'not-found': 'RESOURCE_URI_STRUCTURE_NOT_FOUND',
  'json-invalid': 'INVALID_MSG_FORMAT',
  'auts-refused': 'MANDATORY_IE_INCORRECT',
  overloaded: 'NF_CONGESTION',
  internal: 'SYSTEM_FAILURE',
};

/** The `cause` that other vendors' network functions know (TS 29.571 ProblemDetails); `type` keeps our code. */
export const standardCause: CauseOf = (code, status) =>
  STANDARD_CAUSE[code] ?? (status >= 500 ? 'UNSPECIFIED_NF_FAILURE' : 'UNSPECIFIED_MSG_FAILURE');

/** Problem details of RFC 9457 with a `cause` (TS 29.571 ProblemDetails): the stable code unless `causeOf` has another. */
export function problemOf(error: unknown, causeOf: CauseOf = (code) => code): ProblemDetails {
  const code = codeOf(error);
  const status = STATUS[code] ?? (error instanceof GbaError ? 400 : 500);
  const title = error instanceof GbaError ? error.message : 'internal error';
  return { type: `${PROBLEM_TYPE}${code}`, title, status, cause: causeOf(code, status) };
}

export function sendProblem(
  res: ServerResponse,
  error: unknown,
  headers: Record<string, string> = {},
  causeOf?: CauseOf,
): void {
  if (res.headersSent) {
    res.destroy();
    return;
  }
  const problem = problemOf(error, causeOf);
  const body = Buffer.from(JSON.stringify(problem));
  res.writeHead(problem.status, {
    'content-type': 'application/problem+json',
    'content-length': body.length,
    'cache-control': 'no-store',
    ...headers,
  });
  res.end(body);
}
