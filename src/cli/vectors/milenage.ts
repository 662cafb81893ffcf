import { z } from 'zod';
import { milenage, opcFromOp } from '../../aka/index.ts';
import { hex, hexKey, read } from './fields.ts';
import type { KindRunner } from './kind.ts';

const schema = z.strictObject({
  id: z.string(),
  note: z.string().optional(),
  in: z.strictObject({ k: hexKey(16), op: hex(16), rand: hex(16), sqn: hex(6), amf: hex(2) }),
  out: z.strictObject({
    opc: hex(16),
    f1: hex(8),
    f1star: hex(8),
    f2: hex(8),
    f3: hex(16),
    f4: hex(16),
    f5: hex(6),
    f5star: hex(6),
  }),
});

/** MILENAGE f1..f5* and OPc (TS 35.206). */
export const runMilenage: KindRunner = (vector, comparison) => {
  const { in: given, out } = read(schema, vector);
  const opc = opcFromOp(given.k, given.op);
  const computed = milenage({ k: given.k, opc }, given.rand, given.sqn, given.amf);
  comparison.octets('opc', opc.bytes(), out.opc);
  comparison.octets('f1', computed.macA, out.f1);
  comparison.octets('f1star', computed.macS, out.f1star);
  comparison.octets('f2', computed.res, out.f2);
  comparison.octets('f3', computed.ck, out.f3);
  comparison.octets('f4', computed.ik, out.f4);
  comparison.octets('f5', computed.ak, out.f5);
  comparison.octets('f5star', computed.akStar, out.f5star);
};
