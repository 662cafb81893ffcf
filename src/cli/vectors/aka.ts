import { z } from 'zod';
import { checkAutn, kcFromCkIk, makeAuts, makeVector, openAuts, sresFromRes } from '../../aka/index.ts';
import { hex, hexKey, read } from './fields.ts';
import type { KindRunner } from './kind.ts';
import { akaSource, checkAlgorithm } from './source.ts';

const keys = { algorithm: z.string(), k: hexKey(16), opc: hexKey(16).optional(), rand: hex(16) };
const head = { id: z.string(), note: z.string().optional() };
const vectorSchema = z.strictObject({
  ...head,
  in: z.strictObject({ ...keys, sqn: hex(6), amf: hex(2) }),
  out: z.strictObject({ autn: hex(16), xres: hex(), ck: hex(16), ik: hex(16), sres: hex(4), kc: hex(8) }),
});
const autsSchema = z.strictObject({
  ...head,
  in: z.strictObject({ ...keys, sqnMs: hex(6) }),
  out: z.strictObject({ auts: hex(14) }),
});
const headSchema = z.object({ in: z.object({ algorithm: z.string() }) });
const outSchema = z.object({ out: z.object({ auts: z.unknown() }) });

/** Vectors with AUTN, or AUTS, both ways: made, and checked as the other side does (TS 33.102 6.3). */
export const runAka: KindRunner = (vector, comparison) => {
  checkAlgorithm(headSchema.safeParse(vector).data?.in.algorithm);
  const resynchronisation = outSchema.safeParse(vector);
  if (resynchronisation.success && resynchronisation.data.out.auts !== undefined) {
    const { in: given, out } = read(autsSchema, vector);
    const source = akaSource(given, comparison);
    comparison.octets('auts', makeAuts(source, given.rand, given.sqnMs), out.auts);
    const opened = openAuts(source, given.rand, out.auts);
    comparison.octets('sqnMs', opened?.sqnMs ?? Buffer.alloc(0), given.sqnMs);
    return;
  }
  const { in: given, out } = read(vectorSchema, vector);
  const source = akaSource(given, comparison);
  const computed = makeVector(source, given.rand, given.sqn, given.amf);
  comparison.octets('autn', computed.autn, out.autn);
  comparison.octets('xres', computed.xres, out.xres);
  comparison.octets('ck', computed.ck, out.ck);
  comparison.octets('ik', computed.ik, out.ik);
  comparison.octets('sres', sresFromRes(computed.xres), out.sres);
  comparison.octets('kc', kcFromCkIk(computed.ck, computed.ik), out.kc);
  const checked = checkAutn(source, given.rand, out.autn);
  comparison.holds(checked.ok, 'autn: the card finds its MAC wrong');
  if (checked.ok) comparison.octets('sqn', checked.sqn, given.sqn);
};
