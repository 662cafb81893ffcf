export type { KeyUsage } from './certificate-fields.ts';
export {
  type Crl,
  issueCrl,
  REVOCATION_REASONS,
  type Revocation,
  type RevocationReason,
  readCrl,
} from './crl.ts';
export { type Csr, makeCsr, readCsr } from './csr.ts';
export * from './der.ts';
export { checkAuthority, type DeviceTrust, verifyDevice } from './device.ts';
export { envelope, openEnvelope } from './enveloped-data.ts';
export { type CertificateRequest, issueCertificate } from './issue.ts';
export * from './keys.ts';
export { readPem } from './pem.ts';
export { makePkiPath } from './pki-path.ts';
export { checkRevocation, issuerNameOf, serialNumberOf, subjectNameOf } from './revocation.ts';
export { isCms, signCms, type VerifiedCms, verifyCms } from './signed-data.ts';
export { checkStrictDer, type DerLimits } from './strict-der.ts';
export { membersOf } from './tlv.ts';
export { createDeviceCheck, type DeviceCheck, type TrustFiles } from './trust-files.ts';
