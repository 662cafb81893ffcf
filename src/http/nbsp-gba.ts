import { z } from 'zod';

/** Zn as a service: `POST` here (TS 29.309 6.1.4). */
export const NBSP_GBA_PATH = '/nbsp-gba/v1/bootstrapping-info-retrieval';
export const NBSP_GBA_SCOPE = 'nbsp-gba';

const uint32 = z.int().min(0).max(0xffffffff);
const hexKey = z.string().regex(/^[A-Fa-f0-9]{64}$/);
const dateTime = z.iso.datetime({ offset: true });

/** User security settings of one GAA service (TS 29.309 Uss). */
export const ussSchema = z.object({
  gsId: uint32,
  gsType: uint32,
  ueIds: z.array(z.object({ ueId: z.string() })).min(1),
  nafGroup: z.string().optional(),
  flags: z
    .array(z.object({ flag: uint32 }))
    .min(1)
    .optional(),
  keyChoice: z.string().optional(),
});
export type Uss = z.infer<typeof ussSchema>;

export const ussListSchema = z.array(z.object({ uss: ussSchema })).min(1);

/**
 * BootstrappingInfoRequest. The FQDN's form is not judged here: a name that is not exactly a configured one (case, port,
 * trailing dot, user part) is refused like any other name that the caller may not use.
 */
export const bootstrappingInfoRequestSchema = z.object({
  btId: z.string().min(1).max(512),
  nafId: z.object({
    nafFqdn: z.string().min(1).max(512),
    uaSecProtId: z.string().regex(/^[A-Fa-f0-9]{10}$/),
  }),
  gbaUAware: z.boolean().default(false),
  gsIds: z.array(uint32).min(1).max(64).optional(),
});
export type BootstrappingInfoRequest = z.input<typeof bootstrappingInfoRequestSchema>;

/** BootstrappingInfoResponse; key material in hexadecimal, times as RFC 3339. */
export const bootstrappingInfoResponseSchema = z.object({
  meKeyMaterial: hexKey,
  uiccKeyMaterial: hexKey.optional(),
  keyExpiryTime: dateTime.optional(),
  bootstrappingInfoCreationTime: dateTime.optional(),
  ussList: ussListSchema.optional(),
  gbaType: z.string().optional(),
  impi: z.string().optional(),
});
export type BootstrappingInfoResponse = z.infer<typeof bootstrappingInfoResponseSchema>;
