import { z } from 'zod';
import { ASSERTED } from './assertions.ts';

const upstream = z.string().refine((text) => {
  if (!URL.canParse(text) || !/^https?:\/\//.test(text)) return false;
  const { username, password, search, hash } = new URL(text);
  return [username, password, search, hash].every((part) => part === '');
}, 'an http or https address without user, query and fragment');

/** An authentication proxy in front of another HTTP server (TS 33.222 clause 6). */
export const proxySchema = z.strictObject({
  /** Where the server behind is; may end in a path. */
  upstream,
  /** Name in its certificate, when it is not the host of `upstream`. */
  serverName: z.string().min(1).optional(),
  assert: z.enum(ASSERTED).default('impi'),
  /** Services whose identities and flags are asserted. */
  gsIds: z.array(z.int().min(0).max(0xffffffff)).max(64).default([]),
  /** Longest silence of the server behind. */
  timeoutSeconds: z.int().min(1).max(3600).default(30),
  /** Largest request body. */
  maxBodyBytes: z.int().min(0).default(1_048_576),
  /** Largest answer on plain HTTP, where rspauth covers it and it has to be held back. */
  maxAnswerBytes: z.int().min(1).default(4_194_304),
});
export type ProxyConfig = z.infer<typeof proxySchema>;
