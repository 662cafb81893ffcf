import { execFile, spawnSync } from 'node:child_process';
import { type Log, silentLog } from '../../src/base/index.ts';
import { buildAuthorization, computeResponse, type DigestCredentials, parseChallenge } from '../../src/digest/index.ts';
import { type Listener, listen, readBody } from '../../src/http/index.ts';
import { createZnClient, type GbaAuthOptions, gbaAuth, type ZnQuery } from '../../src/naf/index.ts';
import { BSF, NAF, type startTestBsf } from '../bsf/support.ts';
import { bootstrap, type RawAnswer, send, uaPassword } from '../support/ue.ts';

export const REALM = `3GPP-bootstrapping@${NAF}`;
export const PAGE = 'the protected page\n';

export type Lab = Awaited<ReturnType<typeof startTestBsf>>;

/** A page behind the middleware: says who asks, echoes a body. */
export const page: Listener = (req, res) => {
  void readBody(req).then((body) => {
    res.setHeader('x-btid', req.gba?.btid ?? '');
    res.end(body.length > 0 ? body : PAGE);
  });
};

const open = new Set<() => Promise<void>>();

/** Closes what a failed test left open. */
export async function closeNafs(): Promise<void> {
  await Promise.all([...open].map((close) => close()));
}

/** A NAF in front of a real BSF, on plain HTTP unless `tls`. */
export async function startNaf(lab: Lab, options: Partial<GbaAuthOptions> & { tls?: boolean; psk?: boolean } = {}) {
  const codes: unknown[] = [];
  const log: Log = { ...silentLog, info: (_event, fields) => void codes.push(fields?.['code']) };
  const zn = createZnClient({ routes: [{ bsf: BSF, peer: { url: lab.sbi, serverName: BSF } }], tls: lab.pki.pem(NAF) });
  const counted = {
    calls: 0,
    fetch(query: ZnQuery) {
      counted.calls++;
      return zn.fetch(query);
    },
  };
  const { tls, psk, ...auth } = options;
  const naf = gbaAuth({ fqdn: NAF, zn: counted, clock: lab.clock, log, ...auth });
  const server = await listen(naf.protect(page), {
    address: '127.0.0.1',
    port: 0,
    ...(tls === true && { tls: lab.pki.pem(NAF) }),
    ...(psk === true && { psk: naf.psk }),
  });
  const close = async () => {
    open.delete(close);
    zn.close();
    await server.close();
  };
  open.add(close);
  return {
    naf,
    zn: counted,
    codes,
    url: `${tls === true ? 'https' : 'http'}://127.0.0.1:${server.port}`,
    port: server.port,
    lastCode: () => codes.at(-1),
    close,
  };
}

export async function freshKey(lab: Lab): Promise<{ btid: string; password: string }> {
  const run = await bootstrap(lab.ub, lab.subscriber, BSF);
  return { btid: run.btid, password: uaPassword(run, NAF) };
}

export interface UaRequest {
  method?: string;
  target?: string;
  body?: string;
  headers?: Record<string, string>;
}

/** Ua credentials for a challenge; `changes` go in before the digest is computed. */
export function credentialsFor(
  challenge: RawAnswer,
  who: { btid: string; password: string },
  request: UaRequest = {},
  changes: Partial<DigestCredentials> = {},
): string {
  const { realm, nonce, algorithm, qop } = parseChallenge(String(challenge.headers['www-authenticate']));
  const fields = {
    username: who.btid,
    realm,
    nonce,
    uri: request.target ?? '/',
    qop: qop?.[0] === 'auth' ? ('auth' as const) : ('auth-int' as const),
    nc: '00000001',
    cnonce: '0a4f113b0a4f113b',
    algorithm: algorithm ?? 'MD5',
    ...changes,
  };
  const response = computeResponse({
    ...fields,
    password: Buffer.from(who.password),
    method: request.method ?? 'GET',
    body: Buffer.from(request.body ?? ''),
  });
  return buildAuthorization({ ...fields, response });
}

export function ask(url: string, authorization?: string, request: UaRequest = {}): Promise<RawAnswer> {
  const { headers = {}, body, ...rest } = request;
  const all: Record<string, string> = { ...headers, ...(authorization !== undefined && { authorization }) };
  if (body !== undefined) all['content-length'] = String(Buffer.byteLength(body));
  return send(url, { ...rest, headers: all, ...(body !== undefined && { body }) });
}

export const curlMissing = spawnSync('curl', ['--version']).status === 0 ? false : 'curl is not installed';

/** Body and status of the last answer that curl saw. */
export function curl(...args: string[]): Promise<{ body: string; status: number }> {
  return new Promise((resolve, reject) =>
    execFile('curl', ['-s', '-w', '\n%{http_code}', ...args], (error, stdout) => {
      if (error !== null) reject(error);
      const end = stdout.lastIndexOf('\n');
      resolve({ body: stdout.slice(0, end), status: Number(stdout.slice(end + 1)) });
    }),
  );
}
