import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Log, silentLog, systemRandom } from '../../src/base/index.ts';
import { UA_PKI_PORTAL } from '../../src/gba/index.ts';
import { pkiConfigSchema, startPki } from '../../src/pki/index.ts';
import type { Store } from '../../src/store/index.ts';
import { generateKeyPair, makeCsr, privateKeyPem, readPem, type Signer, toPem } from '../../src/x509/index.ts';
import { BSF, NAF, startTestBsf } from '../bsf/support.ts';
import { ask, credentialsFor, type UaRequest } from '../naf/support.ts';
import { makeAuthority } from '../support/certificates.ts';
import { makeTestPki, type TestPki } from '../support/pki.ts';
import { bootstrap, type RawAnswer, testSubscriber, uaPassword } from '../support/ue.ts';

export const PORTAL = 'pki.sho-a.test';
export const M2ME = 'm2me-0001';
export const DAY = 86_400_000;
const STRANGER = '001010000000009@ims.mnc001.mcc001.3gppnetwork.org';

export type Lab = Awaited<ReturnType<typeof startPortal>>;

/** A PKI portal on plain HTTP (unless `https`) in front of a real BSF; the clock is the test's. */
export async function startPortal(
  options: { pki?: TestPki; config?: Record<string, unknown>; authority?: Signer; store?: Store } = {},
) {
  const pki = options.pki ?? makeTestPki([BSF, NAF, PORTAL]);
  const bsf = await startTestBsf({
    pki,
    config: { nafs: [{ client: PORTAL, hosts: [PORTAL], gsIds: [1] }], keyLifetimeSeconds: 3600 },
  });
  const stranger = testSubscriber(STRANGER);
  bsf.hss.add(stranger.impi, stranger.keys);
  const dir = mkdtempSync(join(tmpdir(), 'gba-portal-'));
  const authority = options.authority ?? (await makeAuthority('Operator A subscribers'));
  writeFileSync(join(dir, 'authority.pem'), toPem(authority.certificate, 'CERTIFICATE'));
  writeFileSync(join(dir, 'authority-key.pem'), privateKeyPem(authority.key));
  const codes: unknown[] = [];
  const log: Log = { ...silentLog, info: (_, fields) => void codes.push(fields?.['code']), child: () => log };
  const config = pkiConfigSchema.parse({
    fqdn: PORTAL,
    ua: { port: 0 },
    tls: pki.files(PORTAL),
    https: false,
    zn: [{ bsf: BSF, peer: { url: bsf.sbi, serverName: BSF } }],
    authority: { cert: join(dir, 'authority.pem'), key: join(dir, 'authority-key.pem') },
    subscribers: [{ impi: bsf.subscriber.impi, subjects: [M2ME, 'm2me-0002'] }],
    crlFile: join(dir, 'list.pem'),
    store: { driver: 'memory' },
    ...options.config,
  });
  const store = options.store ?? bsf.store;
  const deps = { clock: bsf.clock, random: systemRandom, log, store };
  const portal = await startPki(config, deps).catch(async (error: unknown) => {
    await bsf.bsf.close();
    throw error;
  });
  return {
    bsf,
    pki,
    dir,
    authority,
    config,
    deps,
    stranger,
    url: `${config.https ? 'https' : 'http'}://127.0.0.1:${portal.ports.ua}`,
    time: bsf.time,
    lastCode: () => codes.findLast((code) => code !== undefined),
    crlFile: () => readFileSync(config.crlFile, 'utf8'),
    async close() {
      await portal.close();
      await bsf.bsf.close();
    },
  };
}

export interface Who {
  btid: string;
  password: string;
}

/** A bootstrapping of the enrolled subscriber, or another, and its key for the portal. */
export async function keyFor(lab: Lab, subscriber = lab.bsf.subscriber): Promise<Who> {
  const run = await bootstrap(lab.bsf.ub, subscriber, BSF);
  return { btid: run.btid, password: uaPassword(run, PORTAL, UA_PKI_PORTAL) };
}

/** A request of a proven subscriber. */
export async function asUe(lab: Lab, who: Who, request: UaRequest): Promise<RawAnswer> {
  return await ask(lab.url, credentialsFor(await ask(lab.url), who, request), request);
}

export const csrPem = (subject = M2ME, key = generateKeyPair().privateKey): string =>
  toPem(makeCsr({ subject, key }), 'CERTIFICATE REQUEST');

export function enrolment(body: string, change: Partial<UaRequest> = {}): UaRequest {
  return {
    method: 'POST',
    target: '/enrol?response=single',
    body,
    headers: { 'content-type': 'application/x-pkcs10' },
    ...change,
  };
}

export function certificateIn(answer: RawAnswer): Buffer {
  const der = readPem(answer.body.toString('latin1'), 'CERTIFICATE');
  if (der === undefined) throw new RangeError(`no certificate: ${answer.status} ${answer.body}`);
  return der;
}

export const causeOf = (answer: RawAnswer): string => JSON.parse(answer.body.toString()).cause as string;
