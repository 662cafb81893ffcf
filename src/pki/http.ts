import { GbaError, type Log } from '../base/index.ts';
import { createRouter, type Listener, problemOf, type Reply, type RequestContext } from '../http/index.ts';
import type { GbaAuth, GbaIdentity } from '../naf/index.ts';
import { type Certificate, makePkiPath, subjectNameOf, toPem } from '../x509/index.ts';
import type { Certificates } from './certificates.ts';
import type { PkiConfig } from './config.ts';
import type { CrlList } from './crl-list.ts';
import { mayEnrol } from './procedures/may-enrol.ts';
import { readEnrolment, readIssuer, readResponseType } from './procedures/read-request.ts';

export interface PortalParts {
  config: Pick<PkiConfig, 'paths' | 'subscribers' | 'uss'>;
  auth: GbaAuth;
  authority: Certificate;
  certificates: Certificates;
  crlList: CrlList;
  log: Log;
}

/** Largest body of an enrolment: a request with a P-256 key has some 500 octets. */
export const ENROLMENT_LIMIT = 16 * 1024;

/** The PKI portal (TS 33.221, TS 24.109 6 and annex E): all but the revocation list is for proven subscribers only. */
export function portalListener(parts: PortalParts): Listener {
  const { config, auth, authority, certificates, log } = parts;
  const { paths } = config;

  async function enrol(c: RequestContext): Promise<Reply> {
    const { subjects, impi } = allowed(identityOf(c), config);
    const type = readResponseType(c.query);
    const csr = readEnrolment(c.req.headers['content-type'], c.body);
    if (!subjects.includes(csr.subject)) {
      throw new GbaError('subject-forbidden', 'this subscriber may not enrol this subject');
    }
    const der = await certificates.issue(impi, csr);
    if (type === 'single') return certificateReply(der, 'application/x-x509-user-cert');
    return { status: 200, bytes: makePkiPath([authority.der, der]), type: 'application/pkix-pkipath' };
  }

  function deliver(c: RequestContext): Reply {
    if (!readIssuer(c.query).equals(subjectNameOf(authority))) {
      throw new GbaError('issuer-unknown', 'no authority of this name is here');
    }
    return certificateReply(authority.der, 'application/x-x509-ca-cert');
  }

  const portal = createRouter(
    [
      {
        method: 'POST',
        path: paths.enrol,
        bodyLimit: ENROLMENT_LIMIT,
        handle: (c) => htmlWhenForbidden(enrol(c), log),
      },
      { method: 'GET', path: paths.authority, handle: deliver },
    ],
    log,
  );
  const open = createRouter([{ method: 'GET', path: paths.crl, handle: () => list(parts.crlList) }], log);
  const proven = auth.protect(portal);
  return (req, res) => (pathOf(req.url ?? '/') === paths.crl ? open : proven)(req, res);
}

/** Through a proxy the whole portal URI comes (TS 24.109 6.2.1). */
function pathOf(target: string): string {
  return target.replace(/^https?:\/\/[^/?#]*/i, '').split('?', 1)[0] ?? '/';
}

function identityOf({ req }: RequestContext): GbaIdentity {
  if (req.gba === undefined) throw new GbaError('unauthenticated', 'bootstrapping is required');
  return req.gba;
}

function allowed(identity: GbaIdentity, policy: PortalParts['config']): { impi: string; subjects: readonly string[] } {
  const verdict = mayEnrol(identity, policy);
  if ('refused' in verdict) throw new GbaError(verdict.refused, 'this subscriber may not enrol certificates');
  return verdict;
}

/** A refusal by policy is 403 with a page for whoever sees it (TS 24.109 E.4); the others are problem details. */
async function htmlWhenForbidden(reply: Promise<Reply>, log: Log): Promise<Reply> {
  try {
    return await reply;
  } catch (error) {
    const { status, cause } = problemOf(error);
    if (status !== 403) throw error;
    log.info('enrolment-refused', { code: cause });
    const page = `<!DOCTYPE html>\n<html><head><title>403 Forbidden</title></head><body><p>${cause}</p></body></html>\n`;
    return { status, bytes: Buffer.from(page), type: 'text/html' };
  }
}

function certificateReply(der: Buffer, type: string): Reply {
  return { status: 200, bytes: Buffer.from(toPem(der, 'CERTIFICATE')), type };
}

async function list(crlList: CrlList): Promise<Reply> {
  const der = await crlList.current();
  if (der === undefined) throw new GbaError('not-found', 'no list was issued yet');
  return { status: 200, bytes: der, type: 'application/pkix-crl' };
}
