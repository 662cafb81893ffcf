import { z } from 'zod';
import { type AkaSource, createXor, makeVector, opcFromOp } from '../aka/index.ts';
import { fromHex, GbaError, SecretKey, toHex } from '../base/index.ts';
import { makeAkaNonce } from '../digest/index.ts';
import { autnStar, deriveKsIntNaf, deriveKsNaf, deriveTmpi, flipRes, ksFrom, makeBtid, nafId } from '../gba/index.ts';

const octets = (length: number) =>
  z.string().regex(new RegExp(`^[0-9a-fA-F]{${length * 2}}$`), { error: `expected ${length} octets in hex` });

const inputSchema = z.strictObject({
  algorithm: z.enum(['milenage', 'xor']).default('milenage'),
  mode: z.enum(['gba_me', 'gba_u']).default('gba_me'),
  k: octets(16),
  op: octets(16).optional(),
  opc: octets(16).optional(),
  rand: octets(16),
  sqn: octets(6),
  amf: octets(2).default('0000'),
  impi: z.string().min(1),
  bsf: z.string(),
  nafs: z.array(z.strictObject({ fqdn: z.string(), uaId: octets(5) })).default([]),
});

type Input = z.infer<typeof inputSchema>;

/** What `gba derive` prints: octets in hex, texts as they are on the line. Holds keys in clear. */
export interface Derived {
  algorithm: string;
  mode: string;
  opc?: string;
  rand: string;
  autn: string;
  /** GBA_U: AUTN as the card gets it. */
  autnStar?: string;
  xres: string;
  /** GBA_U: RES as it is used on Ub. */
  ubRes?: string;
  ck: string;
  ik: string;
  nonce: string;
  ks: string;
  btid: string;
  tmpi: string;
  nafs: DerivedNaf[];
}

export interface DerivedNaf {
  fqdn: string;
  uaId: string;
  nafId: string;
  ksNaf?: string;
  ksExtNaf?: string;
  ksIntNaf?: string;
  /** base64 of Ks_NAF or Ks_ext_NAF: the Digest password on Ua. */
  password: string;
}

/** K to Ks_NAF (TS 33.102 6.3, TS 33.220 4.5, 5.3, B). Throws `derive-input-invalid` naming fields, never values. */
export function deriveChain(value: unknown): Derived {
  const parsed = inputSchema.safeParse(value);
  if (!parsed.success) {
    const issues = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'input'}: ${message}`);
    throw new GbaError('derive-input-invalid', issues.join('; '));
  }
  const input = parsed.data;
  const { source, opc } = sourceOf(input);
  const rand = fromHex(input.rand);
  const { autn, xres, ck, ik } = makeVector(source, rand, fromHex(input.sqn), fromHex(input.amf));
  const uicc = input.mode === 'gba_u';
  const sent = uicc ? autnStar(autn, ik) : autn;
  const ks = ksFrom(ck, ik);
  return {
    algorithm: input.algorithm,
    mode: input.mode,
    ...(opc === undefined ? {} : { opc: toHex(opc.bytes()) }),
    rand: toHex(rand),
    autn: toHex(autn),
    ...(uicc ? { autnStar: toHex(sent) } : {}),
    xres: toHex(xres),
    ...(uicc ? { ubRes: toHex(flipRes(xres)) } : {}),
    ck: toHex(ck),
    ik: toHex(ik),
    nonce: makeAkaNonce(rand, sent),
    ks: toHex(ks.bytes()),
    btid: makeBtid(rand, input.bsf),
    tmpi: deriveTmpi({ ks, rand, impi: input.impi, bsf: input.bsf }),
    nafs: input.nafs.map(({ fqdn, uaId }) => deriveNaf(input, ks, rand, fqdn, uaId)),
  };
}

function deriveNaf(input: Input, ks: SecretKey, rand: Buffer, fqdn: string, uaId: string): DerivedNaf {
  const id = nafId(fqdn, fromHex(uaId));
  const keyInput = { ks, rand, impi: input.impi, nafId: id };
  const key = deriveKsNaf(keyInput).bytes();
  const head = { fqdn, uaId: uaId.toLowerCase(), nafId: toHex(id) };
  const password = key.toString('base64');
  if (input.mode === 'gba_me') return { ...head, ksNaf: toHex(key), password };
  return { ...head, ksExtNaf: toHex(key), ksIntNaf: toHex(deriveKsIntNaf(keyInput).bytes()), password };
}

function sourceOf(input: Input): { source: AkaSource; opc?: SecretKey } {
  const k = SecretKey.adopt(fromHex(input.k));
  if (input.algorithm === 'xor') {
    if (input.op !== undefined || input.opc !== undefined) {
      throw new GbaError('derive-input-invalid', 'xor has no op or opc');
    }
    return { source: createXor(k) };
  }
  if ((input.op === undefined) === (input.opc === undefined)) {
    throw new GbaError('derive-input-invalid', 'give either op or opc');
  }
  const opc = input.op === undefined ? SecretKey.adopt(fromHex(input.opc ?? '')) : opcFromOp(k, fromHex(input.op));
  return { source: { k, opc }, opc };
}
