import { z } from 'zod';
import { listenSchema, peerSchema, signingFilesSchema } from '../http/index.ts';
import { storeConfigSchema } from '../store/index.ts';

const operatorSchema = z.strictObject({ id: z.string().min(1), peer: peerSchema });

/**
 * How Ua is spoken: `psk`: PSK TLS and nothing else; `auto`: PSK TLS, or Digest inside TLS where the server took no key but proved
 * itself by certificate; `digest`: Digest inside TLS with the server's certificate.
 */
const uaMethodSchema = z.enum(['psk', 'auto', 'digest']);
export type UaMethod = z.infer<typeof uaMethodSchema>;

export const m2meConfigSchema = z.strictObject({
  id: z.string().min(1).max(64),
  /** The owner's local interface: the only server of the machine. */
  local: listenSchema,
  /** PEM file of the authority that verifies RO, SHO and PVA servers. */
  ca: z.string(),
  ro: operatorSchema,
  pva: operatorSchema,
  /** Where the M2M server of the first operator is; a new one's address comes with its subscription. */
  sho: operatorSchema,
  /** Ua with operators' M2M servers. */
  ua: uaMethodSchema.default('psk'),
  /**
   * Ua with the RO. Whoever runs the BSF can make the RO's key, so only its certificate tells the RO from the operator that the
   * machine is about to leave.
   */
  roUa: uaMethodSchema.default('digest'),
  /** SHA-256 of the owner's public key (SubjectPublicKeyInfo), pinned at commissioning. */
  ownerKeySha256: z.string().regex(/^[0-9a-f]{64}$/),
  /**
   * The device signing key with the manufacturer's certificate; or, without a factory key, the PKI portals of the operators
   * that may certify one which the TRE makes itself.
   */
  device: z.union([
    signingFilesSchema,
    z.strictObject({
      portals: z.array(z.strictObject({ sho: z.string().min(1), fqdn: z.string().min(1), peer: peerSchema })).min(1),
    }),
  ]),
  /** The TRE's decryption key with its certificate. */
  tre: signingFilesSchema,
  treDir: z.string().min(1),
  store: storeConfigSchema,
  keyFile: z.string(),
  /** Read at the first start only; afterwards the subscription is in the TRE and this file can go. */
  initialMcim: z.string(),
  /** Subscriptions of other operators put in before any change, each in a slot of its own: package file and who signed it. */
  preloaded: z
    .array(
      z.strictObject({ sho: z.string().min(1), package: z.string(), keySha256: z.string().regex(/^[0-9a-f]{64}$/) }),
    )
    .default([]),
  /** How often the machine looks for work while a change is under way, or its operator does not know its bootstrap yet. */
  pollMs: z.int().min(10).default(5_000),
  /** How often otherwise; default `pollMs`. */
  idlePollMs: z.int().min(10).optional(),
  /** After step 8: how long the machine waits for the old operator, then for the RO, before it activates by itself. */
  graceMs: z.int().min(0).default(120_000),
  /** How often the operator is asked whether it wants a release back. */
  recallPollMs: z.int().min(0).default(60_000),
  clockSkewMs: z.int().min(0).default(300_000),
  maxPackageBytes: z
    .int()
    .min(1024)
    .default(64 * 1024),
  /** What the TRE measures: files, or fixed SHA-256 values in hexadecimal. */
  measurements: z
    .record(z.string(), z.union([z.string().regex(/^[0-9a-f]{64}$/), z.strictObject({ file: z.string() })]))
    .default({}),
  /** Lab only: lets the local interface show Ks_NAF. */
  revealKeys: z.boolean().default(false),
});

export type M2meConfig = z.infer<typeof m2meConfigSchema>;

const hex128 = z.string().regex(/^[0-9a-fA-F]{32}$/);

/** The commissioning file: the first subscription, K and OP or OPc in hexadecimal. */
export const initialMcimSchema = z
  .strictObject({
    impi: z.string().min(1),
    k: hex128,
    op: hex128.optional(),
    opc: hex128.optional(),
    indBits: z.int().min(0).max(16).default(5),
    bsf: z.strictObject({ fqdn: z.string(), url: z.url() }),
    sho: z.strictObject({ id: z.string(), url: z.url() }),
  })
  .refine(({ op, opc }) => (op === undefined) !== (opc === undefined), 'exactly one of op and opc');
