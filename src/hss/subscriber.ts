import { z } from 'zod';
import { type AkaKeys, createSqnGenerator, opcFromOp, type SqnGenerator } from '../aka/index.ts';
import { fromHex, GbaError, messageOf, type Sealer, SecretKey } from '../base/index.ts';
import type { Guss } from '../gba/index.ts';
import { keyLifetimeSchema } from '../http/index.ts';
import { gussOfXml, gussSchema, uiccTypeSchema, ussListSchema } from './settings.ts';

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
    uiccType: uiccTypeSchema.optional(),
    ussList: ussListSchema.optional(),
    /** The whole GUSS instead of the three above: as JSON, or as text in XML (TS 29.109 annex A). */
    guss: z.union([z.string(), gussSchema]).optional(),
  })
  .refine((s) => (s.op === undefined) !== (s.opc === undefined), 'exactly one of op and opc')
  .refine(
    (s) => s.guss === undefined || [s.keyLifetimeSeconds, s.uiccType, s.ussList].every((one) => one === undefined),
    {
      path: ['guss'],
      error: 'it says what keyLifetimeSeconds, uiccType and ussList say: give it alone',
    },
  )
  .transform(({ guss, ...rest }, context) => {
    try {
      const read = typeof guss === 'string' ? gussOfXml(Buffer.from(guss), rest.impi) : guss;
      return read === undefined ? rest : { ...rest, guss: read };
    } catch (error) {
      context.addIssue({ code: 'custom', path: ['guss'], message: messageOf(error) });
      return z.NEVER;
    }
  });

export type Provisioning = Omit<z.infer<typeof subscriberSchema>, 'guss'> & { guss?: Guss | undefined };

/** The record at rest; K and OPc (32 octets together) are sealed for this IMPI. */
export interface SubscriberRecord {
  v: 1;
  impi: string;
  sealedKeys: string;
  amf: string;
  sqn: SqnGenerator;
  /** Only in records from before the settings had records of their own. */
  guss?: Guss;
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
  return {
    v: 1,
    impi: p.impi,
    sealedKeys,
    amf: p.amf.toLowerCase(),
    sqn: createSqnGenerator({ ...options, ...(p.sqn === undefined ? {} : { sqn: fromHex(p.sqn, 6, 'SQN') }) }),
  };
}

/** The settings that come with a provisioning. */
export function gussOf({ guss, uiccType, keyLifetimeSeconds, ussList }: Provisioning): Guss {
  return guss ?? { bsfInfo: { uiccType, lifeTime: keyLifetimeSeconds }, ussList };
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
export function viewOf(record: SubscriberRecord, guss: Guss) {
  const { impi, amf, sqn, restored } = record;
  return { impi, amf, sqnScheme: sqn.scheme, guss, ...(restored !== undefined && { unconfirmed: true }) };
}
