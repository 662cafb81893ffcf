import { randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { type AkaKeys, createSqnState, milenage, type SqnState, usimAuthenticate } from '../../src/aka/index.ts';
import { SecretKey } from '../../src/base/index.ts';
import {
  buildAuthorization,
  computeResponse,
  computeRspauth,
  type DigestCredentials,
  parseAkaNonce,
  parseAuthenticationInfo,
  parseChallenge,
} from '../../src/digest/index.ts';
import { autnStar, deriveKsNaf, deriveTmpi, flipRes, ksFrom, nafId, UA_HTTP_DIGEST } from '../../src/gba/index.ts';
import { type BootstrappingInfo, parseBootstrappingInfo } from '../../src/http/index.ts';

/** A card and what its UE remembers. `sqn` moves on with every accepted challenge. */
export interface TestSubscriber {
  impi: string;
  keys: AkaKeys;
  sqn: SqnState;
  gbaU?: boolean;
  tmpi?: string;
}

export interface RawAnswer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
}

export interface Bootstrap extends BootstrappingInfo {
  ks: SecretKey;
  rand: Buffer;
  impi: string;
  tmpi: string;
}

/** MILENAGE keys of TS 35.208 test set 1, SQN at zero. */
export function testSubscriber(impi = '001010123456789@ims.mnc001.mcc001.3gppnetwork.org'): TestSubscriber {
  const key = (hex: string) => SecretKey.adopt(Buffer.from(hex, 'hex'));
  return {
    impi,
    keys: { k: key('465b5ce8b199b49faa5f0a2ee238a6bc'), opc: key('cd63cb71954a9f4e48a5994e37a02baf') },
    sqn: createSqnState(),
  };
}

/** One plain request on a connection of its own. `target` goes out as it stands, absolute form too. */
export function send(
  url: string,
  options: {
    method?: string;
    target?: string;
    headers?: Record<string, string | string[]>;
    body?: string;
    from?: string;
  } = {},
): Promise<RawAnswer> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const req = request(
      {
        agent: false,
        ...(options.from !== undefined && { localAddress: options.from }),
        host: hostname,
        port,
        method: options.method ?? 'GET',
        path: options.target ?? '/',
        headers: options.headers ?? {},
      },
      (res) => {
        const chunks: Buffer[] = [];
        res.on('data', (chunk: Buffer) => chunks.push(chunk));
        res.on('end', () =>
          resolve({ status: res.statusCode ?? 0, headers: res.headers, body: Buffer.concat(chunks) }),
        );
        res.on('error', reject);
      },
    );
    req.on('error', reject);
    req.end(options.body);
  });
}

const USER_AGENT = 'gba-authz-test 3gpp-gba-tmpi';

export function ubHeaders(credentials: DigestCredentials, userAgent = USER_AGENT): Record<string, string> {
  return { 'user-agent': userAgent, authorization: buildAuthorization(credentials) };
}

/** Message 1 of Ub. */
export function firstRequest(url: string, username: string, realm: string, userAgent = USER_AGENT): Promise<RawAnswer> {
  const credentials = { username, realm, nonce: '', uri: '/', response: '' };
  return send(url, { headers: ubHeaders(credentials, userAgent) });
}

/** Message 3 credentials for a challenge, with any password; `changes` go in before the digest is computed. */
export function answerTo(
  challenge: RawAnswer,
  username: string,
  password: Uint8Array,
  changes: Partial<DigestCredentials> = {},
): DigestCredentials {
  const { realm, nonce, opaque } = parseChallenge(String(challenge.headers['www-authenticate']));
  const fields = {
    username,
    realm,
    nonce,
    uri: '/',
    qop: 'auth-int' as const,
    nc: '00000001',
    cnonce: randomBytes(8).toString('hex'),
    algorithm: 'AKAv1-MD5',
    ...(opaque !== undefined && { opaque }),
    ...changes,
  };
  return { response: computeResponse({ ...fields, password, method: 'GET' }), ...fields };
}

export type CardResult =
  | { result: 'ok'; res: Buffer; ck: Buffer; ik: Buffer }
  | { result: 'sync-failure'; auts: Buffer };

/** The card's work on a challenge; throws when the network is not genuine. */
export function authenticate(subscriber: TestSubscriber, nonce: string): CardResult & { rand: Buffer } {
  const { rand, autn: received } = parseAkaNonce(nonce);
  const { keys } = subscriber;
  // IK depends on K and RAND only, so a GBA_U card can turn AUTN* back before it checks anything.
  const autn =
    subscriber.gbaU === true ? autnStar(received, milenage(keys, rand, Buffer.alloc(6), Buffer.alloc(2)).ik) : received;
  const result = usimAuthenticate(keys, subscriber.sqn, rand, autn);
  if (result.result === 'mac-failure') throw new Error('network authentication failed');
  if (result.result === 'sync-failure') return { ...result, rand };
  subscriber.sqn = result.next;
  return { ...result, res: subscriber.gbaU === true ? flipRes(result.res) : result.res, rand };
}

/**
 * A whole bootstrapping run of a correct UE: TMPI when it has one (IMPI when the BSF has forgotten it), one resynchronisation, rspauth checked. Throws when
 * the BSF does not end it with 200.
 */
export async function bootstrap(url: string, subscriber: TestSubscriber, realm: string): Promise<Bootstrap> {
  let username = subscriber.tmpi ?? subscriber.impi;
  let challenge = await firstRequest(url, username, realm);
  if (challenge.status === 404 && subscriber.tmpi !== undefined) {
    delete subscriber.tmpi;
    username = subscriber.impi;
    challenge = await firstRequest(url, username, realm);
  }
  for (let attempt = 0; attempt < 2; attempt++) {
    if (challenge.status !== 401) throw new Error(`Ub challenge: ${challenge.status} ${challenge.body}`);
    const { nonce } = parseChallenge(String(challenge.headers['www-authenticate']));
    const card = authenticate(subscriber, nonce);
    if (card.result === 'sync-failure') {
      const credentials = answerTo(challenge, username, new Uint8Array(0), { auts: card.auts });
      challenge = await send(url, { headers: ubHeaders(credentials) });
      continue;
    }
    const credentials = answerTo(challenge, username, card.res);
    const answer = await send(url, { headers: ubHeaders(credentials) });
    if (answer.status !== 200) throw new Error(`Ub answer: ${answer.status} ${answer.body}`);
    const { rspauth } = parseAuthenticationInfo(String(answer.headers['authentication-info']));
    const expected = computeRspauth({ ...credentials, algorithm: 'AKAv1-MD5', password: card.res, body: answer.body });
    if (rspauth !== expected) throw new Error('Ub answer: rspauth is wrong');
    const ks = ksFrom(card.ck, card.ik);
    const { rand } = card;
    const { impi } = subscriber;
    const info = parseBootstrappingInfo(answer.body);
    subscriber.tmpi = deriveTmpi({ ks, rand, impi, bsf: realm });
    return { ...info, ks, rand, impi, tmpi: subscriber.tmpi };
  }
  throw new Error('Ub: a second synchronisation failure');
}

/** The digest password on Ua: base64 text of Ks_NAF. */
export function uaPassword(run: Bootstrap, nafFqdn: string, uaId: Uint8Array = UA_HTTP_DIGEST): string {
  const { ks, rand, impi } = run;
  return deriveKsNaf({ ks, rand, impi, nafId: nafId(nafFqdn, uaId) })
    .bytes()
    .toString('base64');
}
