import { z } from 'zod';
import { peerSchema } from '../http/index.ts';

/** Which BSF answers for which B-TID domain: an allow-list, no other BSF is ever asked. */
export const znRoutesSchema = z.array(z.strictObject({ bsf: z.string().min(1), peer: peerSchema })).min(1);
export type ZnRoutes = z.infer<typeof znRoutesSchema>;
