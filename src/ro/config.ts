import { z } from 'zod';
import { listenSchema, peerSchema, tlsFilesSchema } from '../http/index.ts';
import { pskTlsSchema, znRoutesSchema } from '../naf/index.ts';
import { storeConfigSchema } from '../store/index.ts';

export const roConfigSchema = z.strictObject({
  /** RO id: name in its certificate and its NAF FQDN. */
  id: z.string().min(1),
  /** Machines come here: PSK TLS, or TLS with our certificate and Digest inside. */
  ua: listenSchema,
  pskTls: pskTlsSchema,
  /** SHOs and PVAs come here, by mutual TLS. */
  sbi: listenSchema,
  tls: tlsFilesSchema,
  /** The BSF of every operator that is served. */
  zn: znRoutesSchema,
  shos: z.array(z.strictObject({ id: z.string(), peer: peerSchema })),
  /** Certificate names of the PVAs that may ask the discovery. */
  pvas: z.array(z.string()).default([]),
  /** Who is with whom when the store is new; `impi` binds the machine to its subscription. */
  initialRegistrations: z
    .array(z.strictObject({ m2meId: z.string(), sho: z.string(), impi: z.string().optional() }))
    .default([]),
  chunkBytes: z.int().min(64).default(65_536),
  maxPackageBytes: z.int().min(1024).default(65_536),
  /** A new SHO that has not registered a machine (14) this long after its success is reminded. */
  reminderSeconds: z.int().min(1).default(3600),
  store: storeConfigSchema,
  keyFile: z.string(),
});

export type RoConfig = z.infer<typeof roConfigSchema>;
