/** The parties of every lab: names in certificates, on the wire and in logs. */
export const NAMES = {
  oldSho: 'sho-a.test',
  newSho: 'sho-b.test',
  ro: 'ro.test',
  pva: 'pva.test',
  owner: 'owner.test',
  /** A certificate that nobody has a contract with, for the attacks. */
  stranger: 'stranger.test',
  page: 'naf.sho-a.test',
} as const;

export const hssOf = (sho: string): string => `hss.${sho}`;
/** PKI portal of an operator, a NAF of its own. */
export const portalOf = (sho: string): string => `pki.${sho}`;
export const bsfOf = (sho: string): string => `bsf.${sho}`;

/** What the machines' TRE measures in a lab, and the PVA expects: SHA-256 in hexadecimal. */
export const MEASUREMENTS = {
  bootloader: '3f1c0cd0a8a0e6f2f3a7bd1f3bfb9e0a5d3a3c5a6a4d4e3d2b1a09f8e7d6c5b4',
  firmware: 'a90c6d3f1b2e4a5d6c7b8e9f0a1b2c3d4e5f60718293a4b5c6d7e8f9a0b1c2d3',
} as const;
