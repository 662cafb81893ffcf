import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { computeResponse, computeRspauth, parseAuthenticationInfo, parseChallenge } from '../../src/digest/index.ts';
import { deriveTmpi, ksFrom } from '../../src/gba/index.ts';
import { authenticate, type TestSubscriber } from '../support/ue.ts';
import type { UeProfile } from './ue-profiles.ts';

export interface Where {
  port: number;
  host: string;
  /** Over TLS: the authority that the UE trusts. */
  ca?: string;
}

export interface Answer {
  status: number;
  headers: Record<string, string>;
  body: Buffer;
}

export interface Played {
  statuses: number[];
  last: Answer;
  btid: string | undefined;
}

/** A connection that sends octets as they are written and reads one answer for each. */
async function connectTo({ port, host, ca }: Where) {
  const socket: Socket =
    ca === undefined
      ? connectTcp(port, '127.0.0.1')
      : connectTls({ port, host: '127.0.0.1', servername: host, ca, minVersion: 'TLSv1.2' });
  await once(socket, ca === undefined ? 'connect' : 'secureConnect');
  let held: Buffer = Buffer.alloc(0);
  return {
    close: () => socket.destroy(),
    async exchange(lines: readonly string[]): Promise<Answer> {
      socket.write(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
      for (;;) {
        const read = readAnswer(held);
        if (read !== undefined) {
          held = read.rest;
          return read.answer;
        }
        const [chunk] = (await once(socket, 'data', { signal: AbortSignal.timeout(5_000) })) as [Buffer];
        held = Buffer.concat([held, chunk]);
      }
    },
  };
}

function readAnswer(octets: Buffer): { answer: Answer; rest: Buffer } | undefined {
  const end = octets.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const [line = '', ...fields] = octets.toString('latin1', 0, end).split('\r\n');
  const headers = Object.fromEntries(
    fields.map((field) => {
      const colon = field.indexOf(':');
      return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()] as const;
    }),
  );
  const length = Number(headers['content-length']);
  const body = octets.subarray(end + 4, end + 4 + length);
  if (body.length < length) return undefined;
  return {
    answer: { status: Number(line.split(' ')[1]), headers, body: Buffer.from(body) },
    rest: octets.subarray(end + 4 + length),
  };
}

/** Plays a profile to its end: an answer that it takes as final, or more refusals than it tries again for. */
export async function play(profile: UeProfile, where: Where, subscriber: TestSubscriber): Promise<Played> {
  const { rules } = profile;
  const statuses: number[] = [];
  let connection = await connectTo(where);
  let username = subscriber.tmpi ?? subscriber.impi;

  const send = async (lines: readonly string[]): Promise<Answer> => {
    if (rules.reconnects && statuses.length > 0) {
      connection.close();
      connection = await connectTo(where);
    }
    const answer = await connection.exchange(lines);
    statuses.push(answer.status);
    return answer;
  };
  const fill = (lines: readonly string[], values: Record<string, string>): string[] =>
    lines.map((line) => line.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole));
  const begin = () => send(fill(profile.first, { impi: username, host: where.host, port: String(where.port) }));

  /** Message 3 to a challenge, and what proves the 200. */
  const answerTo = (challenge: Answer, wrong: boolean) => {
    const { realm, nonce, opaque = '' } = parseChallenge(challenge.headers['www-authenticate'] ?? '');
    const card = authenticate(subscriber, nonce);
    const res = card.result === 'ok' ? card.res : Buffer.alloc(0);
    const password = wrong ? Buffer.alloc(8, 1) : res;
    const [template = ''] = profile.answer.filter((line) => /^authorization:/i.test(line));
    const uri = /uri="([^"]*)"/.exec(template)?.[1] ?? '/';
    const qop = /qop="?auth-int/.test(template) ? ('auth-int' as const) : ('auth' as const);
    const cnonce = randomBytes(8).toString('hex');
    const covered = { algorithm: 'AKAv1-MD5', username, realm, nonce, uri, qop, nc: '00000001', cnonce, password };
    const auts = card.result === 'sync-failure' ? `,auts="${card.auts.toString('base64')}"` : '';
    const values = { nonce, opaque, cnonce, auts, response: computeResponse({ ...covered, method: 'GET' }) };
    return { lines: fill(profile.answer, { impi: username, host: where.host, ...values }), covered, card };
  };

  let answer = await begin();
  if (answer.status === 404 && subscriber.tmpi !== undefined) {
    delete subscriber.tmpi;
    username = subscriber.impi;
    answer = await begin();
  }
  let btid: string | undefined;
  let lost = rules.losesSuccess !== true;
  let wrongs = rules.wrong ?? 0;
  // A resynchronisation is no retry.
  for (let left = rules.retries + 1 + (profile.ahead ? 1 : 0); answer.status === 401 && left > 0; left--) {
    const sent = answerTo(answer, wrongs-- > 0);
    answer = await send(sent.lines);
    if (answer.status !== 200) continue;
    const expected = computeRspauth({ ...sent.covered, body: answer.body });
    const { rspauth } = parseAuthenticationInfo(answer.headers['authentication-info'] ?? '');
    if (rspauth !== expected) throw new Error(`${profile.name}: rspauth is wrong`);
    if (!lost) {
      lost = true;
      answer = await send(sent.lines);
      continue;
    }
    btid = /<btid>([^<]+)</.exec(answer.body.toString())?.[1];
    if (sent.card.result === 'ok') {
      const ks = ksFrom(sent.card.ck, sent.card.ik);
      subscriber.tmpi = deriveTmpi({ ks, rand: sent.card.rand, impi: subscriber.impi, bsf: where.host });
    }
  }
  connection.close();
  return { statuses, last: answer, btid };
}
