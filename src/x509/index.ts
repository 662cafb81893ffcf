export * from './der.ts';
export { envelope, openEnvelope } from './enveloped-data.ts';
export { type CertificateRequest, issueCertificate } from './issue.ts';
export * from './keys.ts';
export { isCms, signCms, type VerifiedCms, verifyCms } from './signed-data.ts';
export { checkStrictDer, type DerLimits } from './strict-der.ts';
