import { z } from 'zod';
import { peerSchema, signingFilesSchema, tlsFilesSchema } from '../http/index.ts';
import { VARIANTS } from './operator-client.ts';

const operatorSchema = z.strictObject({ id: z.string().min(1), peer: peerSchema });
const seconds = z.number().positive().max(86_400);

/** What an owner of machines has to say once, for all its machines. */
export const ownerConfigSchema = z.strictObject({
  /** The certificate under contract with the operators. */
  tls: tlsFilesSchema,
  /** Signs the instructions: the key pinned in the machines; default: the key of `tls`. */
  signing: signingFilesSchema.optional(),
  oldOperator: operatorSchema,
  newOperator: operatorSchema,
  roId: z.string().min(1),
  pvaId: z.string().min(1),
  variant: z.enum(VARIANTS).default('gba'),
  /** The machines hold the new subscription already. */
  bothPresent: z.boolean().default(false),
  /** Folder of the journal: it holds tokens, which are secrets. */
  journal: z.string().min(1),
  /** Machines under way at once. */
  parallel: z.int().min(1).max(10_000).default(64),
  /** Requests under way at once at each of the two operators. */
  perOperator: z.int().min(1).max(1_000).default(16),
  /** For how long a step is tried again when nobody answers, or the answer is "later". */
  patienceSeconds: seconds.default(60),
  /** For how long the end of one machine's change is waited for. */
  timeoutSeconds: seconds.default(900),
  /** How soon the end of a change is looked for, and how seldom at last. */
  firstLookSeconds: seconds.default(2),
  longestLookSeconds: seconds.default(15),
});

export type OwnerConfig = z.infer<typeof ownerConfigSchema>;
