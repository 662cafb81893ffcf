import { z } from 'zod';
import { codeOf, fromBase64, GbaError } from '../base/index.ts';
import {
  type Answer,
  type ClientOptions,
  idempotencyHeader,
  type Net,
  type SendOptions,
  systemNet,
} from '../http/index.ts';
import { orderFormOf } from '../token/index.ts';

const signingKeysSchema = z.looseObject({ id: z.string(), keyHashes: z.array(z.string()).min(1).max(4) });
const releaseSchema = z.looseObject({ serial: z.string(), claims: z.string(), token: z.string().optional() });
const orderSchema = z.looseObject({ orderId: z.string() });
const orderStateSchema = z.looseObject({
  orderId: z.string(),
  state: z.string(),
  reason: z.string().optional(),
  since: z.string().optional(),
  steps: z.array(z.looseObject({ step: z.number(), at: z.string() })).optional(),
  endsAt: z.string().optional(),
  waiting: z
    .looseObject({
      for: z.string(),
      step: z.number(),
      attempts: z.number().optional(),
      nextAttemptAt: z.string().optional(),
    })
    .optional(),
});
const releaseStateSchema = z.looseObject({ state: z.string() });

export type OrderStatus = z.infer<typeof orderStateSchema>;

interface Release {
  /** Hexadecimal. */
  serial: string;
  /** DER of the claims: what the machine signs when there is no token yet (signed variant). */
  claims: Buffer;
  /** A secret between the operators, the owner and the machine. */
  token?: Buffer;
}

/** How the machine is shown the old SHO's consent. */
export const VARIANTS = ['gba', 'signed'] as const;
export type Variant = (typeof VARIANTS)[number];

interface ReleaseWish {
  m2meId: string;
  newSho: { id: string; keyHashes: string[] };
  roId: string;
  validitySeconds?: number;
  variant?: Variant;
  /** Names this wish: a repeat under the same key is the same release. */
  key?: string;
}

interface OrderWish {
  m2meId: string;
  roId: string;
  pvaId: string;
  token: Uint8Array;
  /** The machine holds the new subscription already. */
  bothPresent?: boolean;
}

/**
 * An operator as its customers, the machines' owners, see it. Refusals throw the operator's own code; those that time can
 * mend are retryable, and no answer at all is `operator-unreachable`.
 */
export interface OperatorClient {
  /** SHA-256 of the keys that sign this operator's packages: what a release must name. */
  signingKeys(): Promise<{ id: string; keyHashes: string[] }>;
  release(wish: ReleaseWish): Promise<Release>;
  /** Signed variant: the machine's signature, for the countersigned token. */
  consent(serial: string, signature: Uint8Array): Promise<Release>;
  /** Asks the old SHO to ask the machine for the token back. */
  recall(serial: string): Promise<{ state: string }>;
  releaseState(serial: string): Promise<{ state: string }>;
  order(wish: OrderWish): Promise<string>;
  orderState(orderId: string): Promise<OrderStatus>;
  close(): void;
}

/** The operator asks for less: 429, or 503 with a time to come back after. */
export class OperatorBusy extends GbaError {
  /** Milliseconds, if the operator named a time. */
  readonly retryAfterMs: number | undefined;

  constructor(code: string, message: string, retryAfterMs: number | undefined) {
    super(code, message, { retryable: true });
    this.retryAfterMs = retryAfterMs;
  }
}

/** Refusals that are none: the machine, or another request of ours, is not that far yet. */
const PASSING = ['conflict', 'bootstrap-missing', 'device-certificate-missing'];

export function createOperatorClient(options: ClientOptions, net: Net = systemNet): OperatorClient {
  const client = net.createClient(options);

  async function call(method: string, path: string, sending?: SendOptions): Promise<Answer> {
    let answer: Answer;
    try {
      answer = await client.send(method, path, sending);
    } catch (cause) {
      if (codeOf(cause) !== 'peer-unreachable') throw cause;
      const name = options.serverName ?? options.url;
      throw new GbaError('operator-unreachable', `no answer from ${name}`, { cause, retryable: true });
    }
    if (answer.status >= 200 && answer.status < 300) return answer;
    throw refusalOf(answer, `${options.serverName ?? options.url} answered ${answer.status} to ${method} ${path}`);
  }

  return {
    async signingKeys() {
      const { id, keyHashes } = (await call('GET', '/public/v1/signing-keys')).json(signingKeysSchema);
      return { id, keyHashes };
    },
    async release({ key, ...json }) {
      const headers = key === undefined ? {} : idempotencyHeader(key);
      return releaseOf((await call('POST', '/owner/v1/releases', { json, headers })).json(releaseSchema));
    },
    async consent(serial, signature) {
      const json = { signature: Buffer.from(signature).toString('base64') };
      return releaseOf((await call('POST', `/owner/v1/releases/${serial}/consent`, { json })).json(releaseSchema));
    },
    async recall(serial) {
      return (await call('POST', `/owner/v1/releases/${serial}/recall`)).json(releaseStateSchema);
    },
    async releaseState(serial) {
      return (await call('GET', `/owner/v1/releases/${serial}`)).json(releaseStateSchema);
    },
    async order({ token, ...wish }) {
      const form = orderFormOf(token).toString('base64');
      const json = { ...wish, algorithms: ['milenage'], token: form };
      return (await call('POST', '/owner/v1/orders', { json })).json(orderSchema).orderId;
    },
    async orderState(orderId) {
      return (await call('GET', `/owner/v1/orders/${orderId}`)).json(orderStateSchema);
    },
    close: client.close,
  };
}

function refusalOf(answer: Answer, message: string): GbaError {
  const code = answer.cause();
  const { status } = answer;
  if (status === 429 || status === 503) return new OperatorBusy(code, message, retryAfterOf(answer));
  return new GbaError(code, message, { retryable: status >= 500 || status === 408 || PASSING.includes(code) });
}

/** Retry-After in seconds (RFC 9110 10.2.3); its other form, a date, would need the operator's clock. */
function retryAfterOf({ headers }: Answer): number | undefined {
  const text = headers['retry-after'] ?? '';
  return /^\d{1,5}$/.test(text) ? Number(text) * 1000 : undefined;
}

function releaseOf({ serial, claims, token }: z.infer<typeof releaseSchema>): Release {
  const rest = token === undefined ? {} : { token: fromBase64(token, 'token') };
  return { serial, claims: fromBase64(claims, 'claims'), ...rest };
}
