import { z } from 'zod';
import { hex, hexKey } from './fields.ts';

const digest = {
  algorithm: z.string(),
  username: z.string(),
  realm: z.string(),
  method: z.string(),
  uri: z.string(),
  nonce: z.string(),
  qop: z.enum(['auth', 'auth-int']),
  nc: z.string(),
  cnonce: z.string(),
};
const ubDigest = z.strictObject({ ...digest, password: hex(), ha1: z.string(), response: z.string() });
const naf = z.strictObject({
  fqdn: z.string(),
  uaId: hex(5),
  nafId: hex(),
  s: hex().optional(),
  ksNaf: hex(32).optional(),
  ksExtNaf: hex(32).optional(),
  ksIntNaf: hex(32).optional(),
  uaDigest: z.strictObject({ ...digest, password: z.string(), response: z.string() }).optional(),
});
/** What one run gives when the card accepts; every field that is there is checked. */
const run = {
  autn: hex(16).optional(),
  autnStar: hex(16).optional(),
  xres: hex().optional(),
  ubRes: hex().optional(),
  ck: hex(16).optional(),
  ik: hex(16).optional(),
  ks: hex(32).optional(),
  nonce: z.string().optional(),
  btid: z.string().optional(),
  tmpi: z.string().optional(),
  nafs: z.array(naf).optional(),
};

/** A run that the card answers goes to its end: the Ub answer and the 200. */
const accepted = {
  ...run,
  digest: z.strictObject({ ...ubDigest.shape, body200: z.string(), rspauth: z.string() }).optional(),
};

/** `gba-chain` in the modes gba_me and gba_u. */
export const chainSchema = z.strictObject({
  id: z.string(),
  note: z.string().optional(),
  tags: z.array(z.string()),
  mode: z.enum(['gba_me', 'gba_u']),
  subscriber: z.strictObject({
    algorithm: z.string(),
    k: hexKey(16),
    op: hex(16).optional(),
    opc: hexKey(16).optional(),
    resBits: z.int().min(32).max(128).optional(),
    amf: hex(2),
    impi: z.string(),
  }),
  network: z.strictObject({
    bsf: z.string(),
    rand: hex(16),
    sqn: hex(6).optional(),
    serverData: hex().optional(),
  }),
  usim: z
    .strictObject({
      indBits: z.int().min(0).max(16),
      delta: z.int().min(0),
      ageLimit: z.int().min(0).nullable(),
      seqs: z.record(z.string().regex(/^\d+$/), z.int().min(0)),
    })
    .default({ indBits: 5, delta: 2 ** 28, ageLimit: null, seqs: {} }),
  challenge: z.strictObject({ autn: hex(16), nonce: z.string() }).optional(),
  expect: z.discriminatedUnion('result', [
    z.strictObject({
      result: z.literal('ok'),
      ...accepted,
    }),
    z.strictObject({ result: z.literal('mac-failure') }),
    z.strictObject({
      result: z.literal('sync-failure'),
      ...run,
      auts: hex(14),
      autsBase64: z.string(),
      sqnMs: hex(6),
      syncDigest: ubDigest.optional(),
      retry: z.strictObject({ ...accepted, rand: hex(16), sqn: hex(6) }).optional(),
    }),
  ]),
});

export type Chain = z.infer<typeof chainSchema>;
export type ChainRun = z.infer<z.ZodObject<typeof run>>;
export type AcceptedRun = z.infer<z.ZodObject<typeof accepted>>;
export type ChainNaf = z.infer<typeof naf>;
export type UbDigest = z.infer<typeof ubDigest>;
/** The head that decides whether this version computes a chain at all. */
export const chainHeadSchema = z.object({
  mode: z.string(),
  subscriber: z.object({ algorithm: z.string().optional() }),
});
