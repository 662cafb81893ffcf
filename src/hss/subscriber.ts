import { z } from 'zod';
import { type AkaKeys, createSqnGenerator, opcFromOp, type SqnGenerator } from '../aka/index.ts';
import { fromHex, GbaError, type Sealer, SecretKey } from '../base/index.ts';
import { keyLifetimeSchema, ussListSchema } from '../http/index.ts';

const hex16 = z.string().regex(/^[0-9a-fA-F]{32}$/, '32 hexadecimal digits');

/** A subscriber as provisioned: keys in hexadecimal, MILENAGE with OP or OPc. */
export const subscriberSchema = z
  .strictObject({
    impi: z.string().regex(/^[^@\s]+@[^@\s]+$/, 'an NAI: user@realm'),
    k: hex16,
    op: hex16.optional(),
    opc: hex16.optional(),
    /** Default 0000: the separation bit of a GBA vector is 0 (TS 33.102 annex H). */
    amf: z
      .string()
      .regex(/^[0-9a-fA-F]{4}$/, '4 hexadecimal digits')
      .default('0000'),
    /** SQN of the last vector; the next one is above it. */
    sqn: z
      .string()
      .regex(/^[0-9a-fA-F]{12}$/, '12 hexadecimal digits')
      .optional(),
    keyLifetimeSeconds: keyLifetimeSchema.optional(),
    uiccType: z.enum(['GBA', 'GBA_U']).optional(),
    ussList: ussListSchema.optional(),
  })
  .refine((s) => (s.op === undefined) !== (s.opc === undefined), 'exactly one of op and opc');

export type Provisioning = z.infer<typeof subscriberSchema>;

/** The record at rest; K and OPc (32 octets together) are sealed for this IMPI. */
export interface SubscriberRecord {
  v: 1;
  impi: string;
  sealedKeys: string;
  amf: string;
  sqn: SqnGenerator;
  guss: {
    bsfInfo?: { uiccType?: string; lifeTime?: number };
    ussList?: z.infer<typeof ussListSchema>;
  };
  /** When it came out of a backup; until somebody has confirmed it, it gets no vectors. */
  restored?: number;
}

export const contextOf = (impi: string): string => `hss subscriber ${impi}`;

export function recordOf(
  p: Provisioning,
  sealer: Sealer,
  options: { scheme: 'counter' | 'time'; indBits: number; nowMs: number },
): SubscriberRecord {
  const k = SecretKey.adopt(fromHex(p.k, 16, 'K'));
  const opc =
    p.opc === undefined ? opcFromOp(k, fromHex(p.op ?? '', 16, 'OP')) : SecretKey.adopt(fromHex(p.opc, 16, 'OPc'));
  const keys = Buffer.concat([k.bytes(), opc.bytes()]);
  const sealedKeys = sealer.seal(keys, contextOf(p.impi));
  for (const secret of [k, opc, SecretKey.adopt(keys)]) secret.erase();
  const bsfInfo = {
    ...(p.uiccType === undefined ? {} : { uiccType: p.uiccType }),
    ...(p.keyLifetimeSeconds === undefined ? {} : { lifeTime: p.keyLifetimeSeconds }),
  };
  return {
    v: 1,
    impi: p.impi,
    sealedKeys,
    amf: p.amf.toLowerCase(),
    sqn: createSqnGenerator({ ...options, ...(p.sqn === undefined ? {} : { sqn: fromHex(p.sqn, 6, 'SQN') }) }),
    guss: {
      ...(Object.keys(bsfInfo).length === 0 ? {} : { bsfInfo }),
      ...(p.ussList === undefined ? {} : { ussList: p.ussList }),
    },
  };
}

/** Opens the keys for one computation; the caller erases them. */
export function keysOf(record: SubscriberRecord, sealer: Sealer): AkaKeys {
  const both = sealer.open(record.sealedKeys, contextOf(record.impi));
  if (both.length !== 32) throw new GbaError('seal-broken', 'sealed keys are not 32 octets');
  const keys = { k: SecretKey.copyOf(both.bytes().subarray(0, 16)), opc: SecretKey.copyOf(both.bytes().subarray(16)) };
  both.erase();
  return keys;
}

/** What administration may see: never a key. */
export function viewOf(record: SubscriberRecord) {
  const { impi, amf, guss, sqn, restored } = record;
  return { impi, amf, sqnScheme: sqn.scheme, guss, ...(restored !== undefined && { unconfirmed: true }) };
}
