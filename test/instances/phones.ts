import { type AkaKeys, createSqnState, opcFromOp } from '../../src/aka/index.ts';
import { GbaError, SecretKey, systemRandom, toHex } from '../../src/base/index.ts';
import { buildAuthorization, computeResponse, parseChallenge } from '../../src/digest/index.ts';
import { uaIdOfCipherSuite } from '../../src/gba/index.ts';
import { type Answer, createClient, readTextFile } from '../../src/http/index.ts';
import { NAMES } from '../../src/lab/index.ts';
import { type Bootstrap, bootstrap, type TestSubscriber, uaPassword } from '../support/ue.ts';
import type { Site } from './site.ts';
import { attempt, type Tally } from './tally.ts';

/** A UE with the subscription of a machine, and what it was told. */
export interface Phone {
  m2meId: string;
  subscriber: TestSubscriber;
  /** B-TIDs of the 200s that it got, oldest first. */
  told: string[];
  /** Runs whose end it did not hear. */
  unheard: number;
}

const PAGES = 3;

export function phoneOf({ plan }: Site, i: number): Phone {
  const file = plan.m2me[i]?.initialMcim ?? '';
  const { impi, k, op } = JSON.parse(readTextFile(file)) as { impi: string; k: string; op: string };
  const key = SecretKey.adopt(Buffer.from(k, 'hex'));
  const keys: AkaKeys = { k: key, opc: opcFromOp(key, Buffer.from(op, 'hex')) };
  return { m2meId: plan.m2me[i]?.id ?? '', subscriber: { impi, keys, sqn: createSqnState() }, told: [], unheard: 0 };
}

/** Bootstraps and asks for pages, each request on a connection of its own, as long as `going` says. */
export async function usePhone(site: Site, phone: Phone, tally: Tally, going: () => boolean): Promise<void> {
  const [bsf] = site.plan.bsf;
  const ub = `http://127.0.0.1:${bsf?.ub.port ?? 0}`;
  while (going()) {
    phone.unheard++;
    const run = await attempt(tally, 'bootstrap', () => bootstrap(ub, phone.subscriber, bsf?.name ?? ''));
    if (run === undefined) continue;
    phone.unheard--;
    phone.told.push(run.btid);
    await askPages(site, phone.m2meId, run, tally);
  }
}

/** One challenge, and then the nonce counts one after the other, whichever instance they come to. */
async function askPages(site: Site, m2meId: string, run: Bootstrap, tally: Tally): Promise<void> {
  const challenge = await attempt(tally, 'challenge', async () => answered(await askRo(site, m2meId), 401));
  if (challenge === undefined) return;
  for (let nc = 1; nc <= PAGES; nc++) {
    const authorization = prove(challenge, m2meId, run, nc);
    const page = await attempt(tally, 'page', async () => answered(await askRo(site, m2meId, authorization), 200));
    // Whether this count was used is not known: a UE begins with a new challenge.
    if (page === undefined) return;
  }
}

const pathOf = (m2meId: string): string => `/ua/v1/discovery?m2me=${m2meId}`;

/** A page of the RO, on a new connection. */
export async function askRo({ plan }: Site, m2meId: string, authorization?: string): Promise<Answer> {
  const client = createClient({
    url: `https://127.0.0.1:${plan.ro.ua.port}`,
    serverName: NAMES.ro,
    tls: { ca: readTextFile(plan.ro.tls.ca) },
  });
  try {
    return await client.send('GET', pathOf(m2meId), authorization === undefined ? {} : { headers: { authorization } });
  } finally {
    client.close();
  }
}

export function prove(challenge: Answer, m2meId: string, run: Bootstrap, nc: number): string {
  const { realm, nonce, algorithm } = parseChallenge(String(challenge.headers['www-authenticate']));
  const fields = {
    username: run.btid,
    realm,
    nonce,
    uri: pathOf(m2meId),
    qop: 'auth' as const,
    nc: nc.toString(16).padStart(8, '0'),
    cnonce: toHex(systemRandom.bytes(8)),
    algorithm: algorithm ?? 'MD5',
  };
  const password = Buffer.from(uaPassword(run, NAMES.ro, uaIdOfCipherSuite(challenge.cipherSuite ?? '')));
  return buildAuthorization({ ...fields, response: computeResponse({ ...fields, password, method: 'GET' }) });
}

export function answered(answer: Answer, status: number): Answer {
  if (answer.status === status) return answer;
  const said = `${answer.status} ${answer.cause()}`;
  throw new GbaError('answer', said, { retryable: answer.status === 503 });
}
