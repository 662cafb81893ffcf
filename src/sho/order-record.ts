import { type Clock, GbaError, type Random, type Sealer } from '../base/index.ts';
import type { StepEvent } from '../flow/index.ts';
import type { Entry, Store } from '../store/index.ts';
import { type Claims, decodeClaims } from '../token/index.ts';
import type { Signer } from '../x509/index.ts';
import type { ShoConfig } from './config.ts';
import type { Contracts } from './contracts.ts';
import type { OrderState } from './flows.ts';
import type { Subscriptions } from './subscriptions.ts';

export const ORDER = 'order';
/** One open order a machine: the order id. */
export const OPEN_ORDER = 'open-order';
export const ORDER_OF_SERIAL = 'order-of-serial';
/** The last order that a preloaded subscription was given to. */
export const ORDER_OF_IMPI = 'order-of-impi';

export interface OrderRecord {
  v: 1;
  state: OrderState;
  m2meId: string;
  /** SHA-256 of the key of the owner who ordered. */
  owner: string;
  serial: string;
  impi: string;
  /** The 32-octet challenge for the PVA, hexadecimal. */
  nonce: string;
  /** DER of the claims, base64. */
  claims: string;
  /** The token, sealed; kept until the order has ended, because a corrected package needs it again. */
  sealedToken?: string;
  /** SHA-256 (hex) of the package that the machine holds already, where both subscriptions are present. */
  storedDigest?: string;
  /** SHA-256 (hex) of the package that was sent last. */
  sentDigest?: string;
  treCertificate?: string;
  /** Corrected packages sent. */
  corrections?: number;
  reason?: string;
  /** When it came out of a backup, and was not over then: what it really came to is not known here. */
  restored?: number;
  /** SHA-256 (hex) of the order as it came; the same token with anything else beside it is no repeat. */
  request?: string;
  /** SHA-256 (hex) of the validation result that was taken. */
  validation?: string;
  /** When `state` was entered, and when each step was done, milliseconds since 1970. */
  since?: number;
  steps?: Readonly<Record<number, number>>;
}

/** What the parts of the new SHO's role work with. */
export interface OrderDeps {
  config: ShoConfig;
  store: Store;
  clock: Clock;
  random: Random;
  sealer: Sealer;
  /** The keys that sign packages: the one in use first, then those that tokens may name too. */
  signers: readonly [Signer, ...Signer[]];
  subscriptions: Subscriptions;
  contracts: Contracts;
  /** SHA-256 of the PVA's signing key, hexadecimal. */
  pvaKey: string;
  onStep?: ((event: StepEvent) => void) | undefined;
}

export const claimsOf = ({ claims }: OrderRecord): Claims => decodeClaims(Buffer.from(claims, 'base64'));

/** Throws `order-unknown`. */
export async function findOrder(store: Store, orderId: string): Promise<Entry<OrderRecord>> {
  const entry = await store.get<OrderRecord>(ORDER, orderId);
  if (entry === undefined) throw new GbaError('order-unknown', 'no such order');
  return entry;
}

export const tokenContext = (orderId: string): string => `sho order ${orderId}`;
