import { z } from 'zod';
import { listenSchema, peerSchema, signingFilesSchema, tlsFilesSchema } from '../http/index.ts';
import { storeConfigSchema } from '../store/index.ts';

/** Component name to the SHA-256 it must have, hexadecimal. */
const manifestSchema = z.record(z.string(), z.string().regex(/^[0-9a-f]{64}$/));

export const pvaConfigSchema = z.strictObject({
  id: z.string().min(1),
  /** Machines come here: TLS with our certificate, their quotes are signed. */
  m2me: listenSchema,
  /** SHOs come here, by mutual TLS. */
  sbi: listenSchema,
  tls: tlsFilesSchema,
  /** Signs validation results. */
  signing: signingFilesSchema,
  /** PEM files of the manufacturers' authorities. */
  manufacturers: z.array(z.string()).min(1),
  /** Their revocation lists (PEM files), read anew when they change. */
  crls: z.array(z.string()).default([]),
  /** Reference manifests by M2ME id; `default` serves every other machine. */
  manifests: z.record(z.string(), manifestSchema),
  /** SHOs served: the name in their certificate and where results go. */
  shos: z.array(z.strictObject({ id: z.string(), peer: peerSchema })),
  /** How long a result may be used. */
  resultSeconds: z.int().min(1).default(300),
  /** How long a machine may take to answer. */
  challengeSeconds: z.int().min(1).default(86_400),
  store: storeConfigSchema,
  keyFile: z.string(),
});

export type PvaConfig = z.infer<typeof pvaConfigSchema>;
