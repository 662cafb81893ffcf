import { milenage, opcFromOp } from '../../aka/index.ts';
import { fromHex, GbaError, SecretKey, toHex } from '../../base/index.ts';
import {
  buildAuthorization,
  computeResponse,
  type DigestCredentials,
  parseAkaNonce,
  parseChallenge,
} from '../../digest/index.ts';
import { UA_HTTP_DIGEST } from '../../gba/index.ts';
import { type Answer, createClient, type HttpClient, NBSP_GBA_PATH } from '../../http/index.ts';
import { bsfOf, NAMES } from '../names.ts';
import type { Arena } from './forger.ts';
import { type Attack, codeFrom } from './run-attack.ts';

const USER_AGENT = 'gba-authz-attack 3gpp-gba';

/** Credentials for the challenge of `answer`, nonce count 1. */
function answerTo(answer: Answer, username: string, password: Uint8Array): DigestCredentials {
  const { realm, nonce, opaque, algorithm = 'MD5' } = parseChallenge(String(answer.headers['www-authenticate']));
  const qop = 'auth-int' as const;
  const fields = { username, realm, nonce, uri: '/', qop, nc: '00000001', cnonce: '0a0b0c0d', algorithm };
  const response = computeResponse({ ...fields, password, method: 'GET', body: Buffer.alloc(0) });
  return { ...fields, response, ...(opaque === undefined ? {} : { opaque }) };
}

async function get(client: HttpClient, credentials?: DigestCredentials): Promise<Answer> {
  const authorization = credentials === undefined ? {} : { authorization: buildAuthorization(credentials) };
  return await client.call('GET', '/', { headers: { 'user-agent': USER_AGENT, ...authorization } });
}

/** The challenge itself is a refusal to our client. */
async function challengeOf(client: HttpClient, credentials?: DigestCredentials): Promise<Answer> {
  const authorization = credentials === undefined ? {} : { authorization: buildAuthorization(credentials) };
  const answer = await client.send('GET', '/', { headers: { 'user-agent': USER_AGENT, ...authorization } });
  if (answer.status !== 401) throw new GbaError('arena-stuck', `no challenge but ${answer.status}`);
  return answer;
}

async function withClient<T>(url: string, work: (client: HttpClient) => Promise<T>): Promise<T> {
  const client = createClient({ url });
  try {
    return await work(client);
  } finally {
    client.close();
  }
}

/** RES of the machine's own card. */
function resOf(arena: Arena, challenge: Answer): { impi: string; res: Buffer } {
  const subscription = arena.lab.options.scenario.machines[0]?.subscription;
  if (subscription === undefined) throw new GbaError('machine-unknown', 'the lab has no machine');
  const { nonce } = parseChallenge(String(challenge.headers['www-authenticate']));
  const k = SecretKey.adopt(fromHex(subscription.k, 16));
  const keys = { k, opc: opcFromOp(k, fromHex(subscription.op, 16)) };
  const { res } = milenage(keys, parseAkaNonce(nonce).rand, Buffer.alloc(6), Buffer.alloc(2));
  return { impi: subscription.impi, res };
}

export const GBA_ATTACKS: readonly Attack[] = [
  {
    name: 'zn-other-host',
    title: "A NAF asks the BSF for a key of another NAF's host",
    expect: 'naf-not-allowed',
    async run(arena) {
      const { btid } = await arena.liveKey(NAMES.oldSho);
      const bsf = await arena.link(NAMES.ro, 'old-bsf-zn');
      await arena.mark();
      const json = { btId: btid, nafId: { nafFqdn: NAMES.oldSho, uaSecProtId: toHex(UA_HTTP_DIGEST) } };
      return await codeFrom(() => bsf.call('POST', NBSP_GBA_PATH, { json }));
    },
  },
  {
    name: 'zn-by-stranger',
    title: 'A stranger asks the BSF for a key',
    expect: 'naf-not-allowed',
    async run(arena) {
      const { btid } = await arena.liveKey(NAMES.oldSho);
      const bsf = await arena.link(NAMES.stranger, 'old-bsf-zn');
      await arena.mark();
      const json = { btId: btid, nafId: { nafFqdn: NAMES.page, uaSecProtId: toHex(UA_HTTP_DIGEST) } };
      return await codeFrom(() => bsf.call('POST', NBSP_GBA_PATH, { json }));
    },
  },
  {
    name: 'digest-replay',
    title: 'An authenticated request to a NAF is sent again with its nonce count',
    expect: 'unauthenticated',
    async run(arena) {
      const { btid, ksNaf } = await arena.liveKey(NAMES.page, UA_HTTP_DIGEST);
      return await withClient(`http://127.0.0.1:${arena.lab.plan.page.listen.port}`, async (page) => {
        const password = Buffer.from(ksNaf.bytes().toString('base64'));
        const credentials = answerTo(await challengeOf(page), btid, password);
        await get(page, credentials);
        await arena.mark();
        return await codeFrom(() => get(page, credentials));
      });
    },
  },
  {
    name: 'rand-reuse',
    title: 'The answer to a challenge is sent to the BSF once more',
    // Whatever is wrong on Ub, the answer is the same: a new challenge, which says no reason.
    expect: 'http-401',
    // That new challenge takes a vector.
    aside: ['bsf-challenge', 'subscriber'],
    async run(arena) {
      const bsf = arena.lab.plan.bsf.find(({ name }) => name === bsfOf(NAMES.oldSho));
      return await withClient(`http://127.0.0.1:${bsf?.ub.port ?? 0}`, async (ub) => {
        const impi = arena.lab.options.scenario.machines[0]?.subscription.impi ?? '';
        const realm = bsfOf(NAMES.oldSho);
        const challenge = await challengeOf(ub, { username: impi, realm, nonce: '', uri: '/', response: '' });
        const credentials = answerTo(challenge, impi, resOf(arena, challenge).res);
        await get(ub, credentials);
        await arena.mark();
        return await codeFrom(() => get(ub, credentials));
      });
    },
  },
];
