import { z } from 'zod';
import { diameterRouteSchema, diameterSchema } from '../diameter/index.ts';
import { keyLifetimeSchema, listenSchema, peerSchema, signingFilesSchema, tlsFilesSchema } from '../http/index.ts';
import { storeConfigSchema } from '../store/index.ts';

const FQDN = /^(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$/;
const fqdn = z.string().regex(FQDN, 'a lower-case host name without port or trailing dot');

const gsIdsSchema = z.array(z.int().min(0).max(0xffffffff)).max(64).default([]);

/** A NAF: the name in its client certificate and the hosts it may ask keys for (exact names). */
const nafSchema = z.strictObject({
  client: z.string().min(1),
  /** Its NfInstanceId, `sub` of its bearer tokens, when the certificate does not carry it (`urn:uuid:…`). */
  instanceId: z.uuid().toLowerCase().optional(),
  hosts: z.array(fqdn).min(1),
  /** NAF group: where a service has a USS of this group, that one goes there, else the one without a group (TS 33.220 4.4.6). */
  group: z.string().optional(),
  /** GAA services whose USS it may have: who asks for another one gets no key. A NAF that asks for none gets none. */
  gsIds: gsIdsSchema,
  /** Services that a subscriber must have a USS of to use this NAF at all, asked for or not (TS 33.220 4.4.6). */
  requires: gsIdsSchema,
  /** Whether it is told the IMPI. */
  impi: z.boolean().default(true),
});

/** Bearer tokens on Zn (TS 33.501 13.4.1), asked for in addition to the client certificate. */
const oauthSchema = z.strictObject({
  /** `iss`: who makes the tokens (the NRF's instance id). */
  issuer: z.string().min(1),
  /** `aud`: own NF type or instance id. */
  audience: z.string().default('GBA_BSF'),
  algorithm: z.enum(['HS256', 'ES256']),
  /** File: PEM public key (ES256) or hexadecimal shared key (HS256). */
  keyFile: z.string(),
});

/** The HSS: by SBI JSON (TS 29.562) or over Zh (TS 29.109). */
const hssSchema = z.union([peerSchema, z.strictObject({ diameter: diameterRouteSchema })], {
  error: '{ url, serverName } or { diameter: { realm, host?, via? } }',
});

export const bsfConfigSchema = z
  .strictObject({
    /** Full DNS name of the BSF: digest realm, domain of the B-TID, part of the TMPI derivation. */
    name: fqdn,
    ub: listenSchema,
    /** Ub over TLS beside it, for phones that are configured so; the server shows a certificate, phones show none. */
    ubHttps: listenSchema.optional(),
    /** The certificate for that, when phones trust another authority than the operator's own functions do. */
    ubCertificate: signingFilesSchema.optional(),
    sbi: listenSchema,
    tls: tlsFilesSchema,
    hss: hssSchema,
    /** Own Diameter node: Zh to the HSS and Zn for the NAFs among its peers. */
    diameter: diameterSchema.optional(),
    nafs: z.array(nafSchema),
    /** Certificate names that may list and drop contexts. */
    admin: z.array(z.string()).default([]),
    keyLifetimeSeconds: keyLifetimeSchema.default(86_400),
    challengeSeconds: z.int().min(1).max(600).default(30),
    /** Unfinished runs in one challenge time; more are answered 503: of one identity, of one from one address, */
    maxOutstanding: z.int().min(1).max(60_000).default(32),
    maxOutstandingFromOne: z.int().min(1).max(60_000).default(8),
    /** from one address (of IPv6: one /64), and in all. */
    maxOutstandingPerAddress: z.int().min(1).max(60_000).default(256),
    maxOutstandingTotal: z.int().min(1).max(10_000_000).default(65_536),
    /** AMF (hex) in challenges to identities that nobody has, until the first vector shows what the HSS uses. */
    unknownAmf: z
      .string()
      .regex(/^[0-9a-fA-F]{4}$/)
      .default('0000'),
    /** RES of a GBA_U card: with its last bit flipped (TS 33.220 5.3.2), or plain for cards that do not. */
    gbaURes: z.enum(['flipped', 'plain']).default('flipped'),
    oauth: oauthSchema.optional(),
    store: storeConfigSchema,
    /** Sealing key: a file of 64 hexadecimal digits, or `env:NAME`. */
    keyFile: z.string(),
  })
  .refine(({ ubHttps, ubCertificate }) => ubHttps !== undefined || ubCertificate === undefined, {
    path: ['ubCertificate'],
    error: 'it is for ubHttps, which is not there',
  })
  .refine(({ hss, diameter }) => 'url' in hss || diameter !== undefined, {
    path: ['diameter'],
    error: 'hss.diameter needs it: the own node and its peers',
  });
export type BsfConfig = z.infer<typeof bsfConfigSchema>;
export type NafPolicy = z.infer<typeof nafSchema>;
export type OauthConfig = z.infer<typeof oauthSchema>;
