import type { IncomingHttpHeaders } from 'node:http';
import { GbaError } from '../base/index.ts';
import { parseJson, type Schema } from './json.ts';
import { PROBLEM_TYPE } from './problem.ts';

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
  /** IANA name of the TLS cipher suite of this connection, if any. */
  cipherSuite: string | undefined;
  /** Ua security protocol identifier of the key by which the connection was made, where a client offered one and it was taken. */
  pskUaId?: Buffer;
  /** The body as JSON checked by `schema`; anything else is the other end's fault: `peer-refused`. */
  json<T>(schema: Schema<T>): T;
  /** The stable code of a problem+json answer, another vendor's `cause`, or `http-<status>`. */
  cause(): string;
}

/** What came over the wire. */
type Received = Pick<Answer, 'status' | 'headers' | 'body' | 'cipherSuite' | 'pskUaId'>;

export function answerOf(received: Received): Answer {
  const { status, body } = received;
  return {
    ...received,
    json(schema) {
      try {
        return parseJson(body, schema);
      } catch (cause) {
        throw new GbaError('peer-refused', 'the answer is not the JSON of this interface', { cause });
      }
    },
    cause: () => codeIn(body) ?? `http-${status}`,
  };
}

/** Our own code where the problem's type names one; else the `cause` of whoever answered. */
function codeIn(body: Buffer): string | undefined {
  let problem: unknown;
  try {
    problem = JSON.parse(body.toString('utf8'));
  } catch {
    // Not JSON: the status is all there is.
    return undefined;
  }
  if (typeof problem !== 'object' || problem === null) return undefined;
  const { type, cause } = problem as Record<string, unknown>;
  if (typeof type === 'string' && type.startsWith(PROBLEM_TYPE)) return type.slice(PROBLEM_TYPE.length);
  return typeof cause === 'string' ? cause : undefined;
}
