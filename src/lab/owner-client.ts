import { z } from 'zod';
import { fromBase64, fromHex, GbaError } from '../base/index.ts';
import { type ClientOptions, createClient, type HttpClient } from '../http/index.ts';
import { announcementOf, makeInstruction, openToken, orderFormOf } from '../token/index.ts';
import type { Signer } from '../x509/index.ts';

const signingKeysSchema = z.looseObject({ id: z.string(), keyHashes: z.array(z.string()).min(1).max(4) });
const releaseSchema = z.looseObject({ serial: z.string(), claims: z.string(), token: z.string().optional() });
const orderSchema = z.looseObject({ orderId: z.string() });
const orderStateSchema = z.looseObject({ orderId: z.string(), state: z.string(), reason: z.string().optional() });
const releaseStateSchema = z.looseObject({ state: z.string() });
const instructionSchema = z.looseObject({ number: z.number(), state: z.string(), signature: z.string().optional() });
const statusSchema = z.looseObject({
  m2meId: z.string(),
  impi: z.string().optional(),
  operator: z.string().optional(),
  change: z
    .looseObject({
      serial: z.string(),
      state: z.string(),
      number: z.number(),
      reason: z.string().optional(),
      lastRefusal: z.string().optional(),
    })
    .optional(),
});
const bootstrapSchema = z.looseObject({
  btid: z.string(),
  /** ms since 1970. */
  expiresAt: z.number(),
  bsf: z.string(),
  ksNaf: z.string().optional(),
});

export type MachineStatus = z.infer<typeof statusSchema>;
export type OrderStatus = z.infer<typeof orderStateSchema>;
export type BootstrapReport = z.infer<typeof bootstrapSchema>;

/** Refusals that only time can mend: the machine has not bootstrapped yet, somebody is busy or away. */
export const PASSING: readonly string[] = [
  'bootstrap-missing',
  'device-certificate-missing',
  'peer-unreachable',
  'conflict',
  'overloaded',
];

export interface Release {
  /** Hexadecimal. */
  serial: string;
  /** DER of the claims: what the machine signs when there is no token yet (signed variant). */
  claims: Buffer;
  /** A secret between the operators, the owner and the machine. */
  token?: Buffer;
}

/** How the machine is shown the old SHO's consent. */
export type Variant = 'gba' | 'signed';

export interface ReleaseWish {
  m2meId: string;
  newSho: { id: string; keyHashes: string[] };
  roId: string;
  validitySeconds?: number;
  variant?: Variant;
}

export interface OrderWish {
  m2meId: string;
  roId: string;
  pvaId: string;
  token: Uint8Array;
  /** The machine holds the new subscription already. */
  bothPresent?: boolean;
}

/** An operator as its customers, the machines' owners, see it. Refusals throw the operator's own code. */
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

export function createOperatorClient(options: ClientOptions): OperatorClient {
  const client = createClient(options);
  return {
    async signingKeys() {
      const { id, keyHashes } = (await client.call('GET', '/public/v1/signing-keys')).json(signingKeysSchema);
      return { id, keyHashes };
    },
    async release(wish) {
      return releaseOf((await client.call('POST', '/owner/v1/releases', { json: wish })).json(releaseSchema));
    },
    async consent(serial, signature) {
      const json = { signature: Buffer.from(signature).toString('base64') };
      return releaseOf(
        (await client.call('POST', `/owner/v1/releases/${serial}/consent`, { json })).json(releaseSchema),
      );
    },
    async recall(serial) {
      return (await client.call('POST', `/owner/v1/releases/${serial}/recall`)).json(releaseStateSchema);
    },
    async releaseState(serial) {
      return (await client.call('GET', `/owner/v1/releases/${serial}`)).json(releaseStateSchema);
    },
    async order({ token, ...wish }) {
      const form = orderFormOf(token).toString('base64');
      const json = { ...wish, algorithms: ['milenage'], token: form };
      return (await client.call('POST', '/owner/v1/orders', { json })).json(orderSchema).orderId;
    },
    async orderState(orderId) {
      return (await client.call('GET', `/owner/v1/orders/${orderId}`)).json(orderStateSchema);
    },
    close: client.close,
  };
}

/** The machine's local interface. */
export interface MachineClient {
  /** `signature` (base64) answers an instruction to sign. */
  instruct(instruction: Uint8Array): Promise<{ number: number; state: string; signature?: string | undefined }>;
  status(): Promise<MachineStatus>;
  bootstrap(reveal?: { naf: string; uaId: string }): Promise<BootstrapReport>;
  close(): void;
}

export function createMachineClient(url: string): MachineClient {
  const client: HttpClient = createClient({ url });
  return {
    async instruct(instruction) {
      return (await client.call('POST', '/local/v1/instructions', { bytes: instruction })).json(instructionSchema);
    },
    async status() {
      return (await client.call('GET', '/local/v1/status')).json(statusSchema);
    },
    async bootstrap(reveal) {
      const query = reveal === undefined ? '' : `?${new URLSearchParams({ ...reveal, reveal: '1' })}`;
      return (await client.call('POST', `/local/v1/bootstrap${query}`)).json(bootstrapSchema);
    },
    close: client.close,
  };
}

/** Step 2: the owner announces exactly the claims of `token`, with their signatures if any, to the machine they name. */
export async function signInstruction(
  owner: Signer,
  token: Uint8Array,
  number: number,
  kind: 'change' | 'cancel' = 'change',
): Promise<Buffer> {
  const { claims, erase } = await openToken(token);
  erase();
  return await makeInstruction({ m2meId: claims.m2meId, number, kind, announced: announcementOf(token) }, owner);
}

/** Signed variant: the owner asks its machine to sign the claims (DER) that the old SHO composed. */
export function signingRequest(owner: Signer, m2meId: string, claims: Uint8Array, number: number): Promise<Buffer> {
  return makeInstruction({ m2meId, number, kind: 'sign', announced: Buffer.from(claims) }, owner);
}

function releaseOf({ serial, claims, token }: z.infer<typeof releaseSchema>): Release {
  const rest = token === undefined ? {} : { token: fromBase64(token, 'token') };
  return { serial, claims: fromBase64(claims, 'claims'), ...rest };
}

/** A token as text: base64 as the operator gave it, or hexadecimal. Throws `token-text-invalid`. */
export function tokenOfText(text: string): Buffer {
  const trimmed = text.trim();
  try {
    return /^[0-9a-f]+$/i.test(trimmed) ? fromHex(trimmed) : fromBase64(trimmed);
  } catch (cause) {
    throw new GbaError('token-text-invalid', 'the token is neither base64 nor hexadecimal', { cause });
  }
}
