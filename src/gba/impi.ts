const IMSI = /^\d{6,15}$/;

/**
 * The IMPIs that an IMSI without ISIM can stand for (TS 23.003 13.3): its MNC has two or three digits, which the IMSI
 * alone does not say. None for text that is no IMSI.
 */
export function impisOfImsi(imsi: string): string[] {
  if (!IMSI.test(imsi)) return [];
  const mcc = imsi.slice(0, 3);
  return [imsi.slice(3, 5).padStart(3, '0'), imsi.slice(3, 6)].map(
    (mnc) => `${imsi}@ims.mnc${mnc}.mcc${mcc}.3gppnetwork.org`,
  );
}
