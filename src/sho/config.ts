import { z } from 'zod';
import { listenSchema, peerSchema, signingFilesSchema, tlsFilesSchema } from '../http/index.ts';
import { pskTlsSchema, znRoutesSchema } from '../naf/index.ts';
import { storeConfigSchema } from '../store/index.ts';

const hex16 = z.string().regex(/^[0-9a-fA-F]{32}$/, '32 hexadecimal digits');

/** A subscription to hand out to a machine that comes to us. */
const subscriptionSchema = z
  .strictObject({
    impi: z.string().min(3),
    k: hex16,
    op: hex16.optional(),
    opc: hex16.optional(),
    amf: z
      .string()
      .regex(/^[0-9a-fA-F]{4}$/)
      .default('0000'),
  })
  .refine((s) => (s.op === undefined) !== (s.opc === undefined), 'exactly one of op and opc');

/** An owner under contract: the name and key of its certificate, and its machines with their subscriptions. */
const ownerSchema = z.strictObject({
  name: z.string().min(1),
  spkiSha256: z.string().regex(/^[0-9a-f]{64}$/),
  machines: z.array(z.strictObject({ m2meId: z.string().min(1), impi: z.string().min(3) })),
});

export const shoConfigSchema = z.strictObject({
  /** Operator id: name in its certificates and FQDN of its M2M server (a NAF). */
  id: z.string().min(1),
  /** Machines come here: PSK TLS, or TLS with our certificate and Digest inside. */
  ua: listenSchema,
  pskTls: pskTlsSchema,
  /** Owners, ROs and PVAs come here, by mutual TLS. */
  sbi: listenSchema,
  tls: tlsFilesSchema,
  /** Own BSF: what machines are told of it, and its administration. */
  bsf: z.strictObject({ fqdn: z.string(), publicUrl: z.url(), admin: peerSchema }),
  /** Own HSS, administration. */
  hss: peerSchema,
  zn: znRoutesSchema,
  ro: z.strictObject({ id: z.string(), peer: peerSchema }),
  pva: z.strictObject({ id: z.string(), peer: peerSchema, certificate: z.string() }),
  /**
   * Signs MCIM packages and countersigns tokens. A list rolls the key over: the first one signs, tokens may name any, and
   * an order is finished with whichever its token lists.
   */
  signing: z.union([signingFilesSchema, z.array(signingFilesSchema).min(1).max(4)]),
  /** Authorities (PEM files) of device certificates: of manufacturers, and of our own PKI portal. */
  deviceAuthorities: z.array(z.string()).default([]),
  /** Their revocation lists (PEM or DER files), read anew when a file changes. */
  deviceCrls: z.array(z.string()).default([]),
  owners: z.array(ownerSchema).default([]),
  subscriptions: z.array(subscriptionSchema).default([]),
  /** Where machines find the M2M server; goes into the MCIM. */
  publicUrl: z.url(),
  tokenValiditySeconds: z.int().min(1).default(86_400),
  clockSkewSeconds: z.int().min(0).default(300),
  /** Corrected packages after failed activations, before the order is given up. */
  maxCorrections: z.int().min(0).default(8),
  indBits: z.int().min(0).max(16).default(5),
  store: storeConfigSchema,
  keyFile: z.string(),
});

export type ShoConfig = z.infer<typeof shoConfigSchema>;
