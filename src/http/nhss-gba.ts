import { z } from 'zod';
import { ussListSchema } from './nbsp-gba.ts';

const hex = (digits: string) => z.string().regex(new RegExp(`^[A-Fa-f0-9]{${digits}}$`));

/** Nhss_gbaUEAU AuthenticationInfoRequest (TS 29.562 A.6). */
export const authenticationInfoRequestSchema = z.object({
  authenticationScheme: z.string().optional(),
  resynchronizationInfo: z.object({ rand: hex('32'), auts: hex('28') }).optional(),
  supportedFeatures: z.string().optional(),
});
export type AuthenticationInfoRequest = z.infer<typeof authenticationInfoRequestSchema>;

/** AuthenticationInfoResult with the vector that this product needs. */
export const authenticationInfoResultSchema = z.object({
  impi: z.string().optional(),
  '3gAkaAv': z.object({ rand: hex('32'), xres: hex('8,32'), autn: hex('32'), ck: hex('32'), ik: hex('32') }),
});
export type AuthenticationInfoResult = z.infer<typeof authenticationInfoResultSchema>;

/** Nhss_gbaSDM GbaSubscriberData (TS 29.562 A.5). */
export const gbaSubscriberDataSchema = z.object({
  guss: z
    .object({
      bsfInfo: z.object({ uiccType: z.string().optional(), lifeTime: z.int().min(1).optional() }).optional(),
      ussList: ussListSchema.optional(),
    })
    .optional(),
});
export type GbaSubscriberData = z.infer<typeof gbaSubscriberDataSchema>;

/** Path segment of a subscriber known by IMPI (TS 29.562 UeId), percent-encoded. */
export function ueIdOfImpi(impi: string): string {
  return `impi-${encodeURIComponent(impi)}`;
}

export const generateAuthDataPath = (ueId: string): string =>
  `/nhss-gba-ueau/v1/${ueId}/security-information/generate-auth-data`;
export const subscriberDataPath = (ueId: string): string => `/nhss-gba-sdm/v1/${ueId}/subscriber-data`;
