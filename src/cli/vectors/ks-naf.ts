import { z } from 'zod';
import { deriveKsNaf } from '../../gba/index.ts';
import { hex, hexKey, read } from './fields.ts';
import type { KindRunner } from './kind.ts';

const schema = z.strictObject({
  id: z.string(),
  note: z.string().optional(),
  in: z.strictObject({ ks: hexKey(32), rand: hex(16), impi: z.string(), nafId: hex() }),
  out: z.strictObject({ ksNaf: hex(32) }),
});

/** Ks_NAF from Ks (TS 33.220 B.3). */
export const runKsNaf: KindRunner = (vector, comparison) => {
  const { in: given, out } = read(schema, vector);
  comparison.octets('ksNaf', deriveKsNaf(given).bytes(), out.ksNaf);
};
