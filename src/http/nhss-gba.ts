import { z } from 'zod';
import { ussListSchema } from './nbsp-gba.ts';

/** Octets in hexadecimal, either case. */
const hex = (octets: string) => z.string().regex(new RegExp(`^(?:[A-Fa-f0-9]{2}){${octets}}$`));
/** DurationSec (TS 29.571), bounded so that it ends at a date that can be written. */
export const keyLifetimeSchema = z.int().min(1).max(0xffffffff);

/** Nhss_gbaUEAU AuthenticationInfoRequest (TS 29.562 A.6). */
export const authenticationInfoRequestSchema = z.object({
  authenticationScheme: z.string().optional(),
  resynchronizationInfo: z.object({ rand: hex('16'), auts: hex('14') }).optional(),
  supportedFeatures: z.string().optional(),
});
export type AuthenticationInfoRequest = z.infer<typeof authenticationInfoRequestSchema>;

/** AuthenticationInfoResult with the vector that this product needs. */
export const authenticationInfoResultSchema = z.object({
  impi: z
    .string()
    .max(255)
    .regex(/^[^\p{Cc}]+$/u)
    .optional(),
  '3gAkaAv': z.object({ rand: hex('16'), xres: hex('4,16'), autn: hex('16'), ck: hex('16'), ik: hex('16') }),
});
export type AuthenticationInfoResult = z.infer<typeof authenticationInfoResultSchema>;

/** Nhss_gbaSDM GbaSubscriberData (TS 29.562 A.5). */
export const gbaSubscriberDataSchema = z.object({
  guss: z
    .object({
      bsfInfo: z.object({ uiccType: z.string().optional(), lifeTime: keyLifetimeSchema.optional() }).optional(),
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
