import { z } from 'zod';
import { diameterSchema } from '../diameter/index.ts';
import { listenSchema, tlsFilesSchema } from '../http/index.ts';
import { storeConfigSchema } from '../store/index.ts';

export const hssConfigSchema = z.strictObject({
  name: z.string().min(1),
  sbi: listenSchema,
  tls: tlsFilesSchema,
  /** Names of client certificates: who may ask vectors, who may provision. */
  clients: z.strictObject({ av: z.array(z.string()), admin: z.array(z.string()) }),
  /** Zh over Diameter, beside SBI; the same `clients.av`, by their Origin-Host. */
  diameter: diameterSchema.optional(),
  /** `counter` writes once a vector (TS 33.102 C.1.1.2); `time` follows the clock and writes nothing (C.1.1.3). */
  sqnScheme: z.enum(['counter', 'time']).default('counter'),
  indBits: z.int().min(0).max(16).default(5),
  /** YAML or JSON list of subscribers, imported when the store has none. */
  subscribersFile: z.string().optional(),
  store: storeConfigSchema,
  /** Sealing key: a file of 64 hexadecimal digits, or `env:NAME`. */
  keyFile: z.string(),
});

export type HssConfig = z.infer<typeof hssConfigSchema>;
