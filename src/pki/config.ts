import { z } from 'zod';
import { listenSchema, signingFilesSchema, tlsFilesSchema } from '../http/index.ts';
import { znRoutesSchema } from '../naf/index.ts';
import { storeConfigSchema } from '../store/index.ts';

const DAY = 86_400;

const pathSchema = z.string().regex(/^(?:\/[A-Za-z0-9._~-]+)+$/);

/** A common name takes 64 characters (RFC 5280 appendix A). */
const subscriberSchema = z.strictObject({
  impi: z.string().min(1),
  subjects: z.array(z.string().min(1).max(64)).min(1),
});

export const pkiConfigSchema = z
  .strictObject({
    /** NAF FQDN of the portal, and the name in its TLS certificate. */
    fqdn: z.string().min(1),
    /** Machines come here. */
    ua: listenSchema,
    /** Shown to machines, and to the BSF. */
    tls: tlsFilesSchema,
    /** Plain HTTP instead when false; answers and requests are protected by auth-int either way. */
    https: z.boolean().default(true),
    /** MD5 is what phones know. */
    algorithm: z.enum(['MD5', 'SHA-256']).default('MD5'),
    zn: znRoutesSchema,
    /** The authority that issues: its certificate, which may sign certificates and lists, and its P-256 key. */
    authority: signingFilesSchema,
    paths: z
      .strictObject({
        enrol: pathSchema.default('/enrol'),
        authority: pathSchema.default('/getcertificate'),
        crl: pathSchema.default('/crl'),
      })
      .prefault({}),
    /** Who may enrol: which subjects (M2ME ids) each subscriber. */
    subscribers: z.array(subscriberSchema),
    /** Enrolment takes this flag of this GAA service in the subscriber's user security settings. */
    uss: z.strictObject({ gsId: z.int().min(0), flag: z.int().min(0).default(1) }).optional(),
    certificateSeconds: z
      .int()
      .min(60)
      .default(365 * DAY),
    /** A key gets its next certificate when the one it has ends within this time. */
    renewSeconds: z
      .int()
      .min(0)
      .default(30 * DAY),
    /** How much earlier certificates and lists begin than our clock says, for machines whose clock is behind. */
    backdateSeconds: z.int().min(0).default(300),
    /** Keys of one subject that are certified at the same time. */
    maxKeys: z.int().min(1).default(4),
    /** Where the revocation list goes (PEM), replaced as a whole. */
    crlFile: z.string().min(1),
    /** A list is valid so long; a new one is issued after half of it. */
    crlSeconds: z
      .int()
      .min(60)
      .max(30 * DAY)
      .default(7 * DAY),
    store: storeConfigSchema,
  })
  .refine(({ certificateSeconds, renewSeconds }) => renewSeconds < certificateSeconds, {
    path: ['renewSeconds'],
    message: 'shorter than certificateSeconds, or no certificate would serve',
  })
  .refine(({ paths }) => new Set(Object.values(paths)).size === 3, {
    path: ['paths'],
    message: 'three different paths',
  })
  .refine(({ subscribers }) => isSet(subscribers.map(({ impi }) => impi)), {
    path: ['subscribers'],
    message: 'each impi once',
  })
  .refine(({ subscribers }) => isSet(subscribers.flatMap(({ subjects }) => subjects)), {
    path: ['subscribers'],
    message: 'each subject under one impi',
  });

export type PkiConfig = z.infer<typeof pkiConfigSchema>;

function isSet(values: readonly string[]): boolean {
  return new Set(values).size === values.length;
}
