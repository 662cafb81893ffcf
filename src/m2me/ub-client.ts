import { codeOf, GbaError, type Log, type Random, type SecretKey, toHex } from '../base/index.ts';
import { type HttpClient, TMPI_TOKEN } from '../http/index.ts';
import type { ContextInfo, Tre } from './tre/index.ts';
import {
  answerChallenge,
  firstAuthorization,
  headerOf,
  readChallenge,
  readSuccess,
  type UbAnswer,
} from './ub-exchange.ts';

export interface UbClientOptions {
  tre: Tre;
  /** A client for the BSF of the subscription in use. */
  connect(bsf: { fqdn: string; url: string }): HttpClient;
  clock: { now(): number };
  random: Random;
  log: Log;
}

interface Run extends Pick<UbClientOptions, 'tre' | 'random'> {
  username: string;
  bsf: string;
  now(): number;
  get(authorization: string): Promise<UbAnswer>;
}

/** Everything of a run that was proved by rspauth. The caller erases `ks`. */
interface Bootstrapped {
  btid: string;
  rand: Buffer;
  expiresAt: number;
  ks: SecretKey;
  bsfUsesTmpi: boolean;
}

/**
 * One bootstrapping over Ub (TS 24.109 4.2) with the subscription in use; the new context is kept in the TRE. A stored
 * TMPI is tried first and dropped when the BSF does not know it. Throws `no-subscription`, `ub-mac-failure`,
 * `ub-sync-failure` (a second one in a row), `ub-refused`, the refusals of `ub-exchange.ts`, `peer-unreachable`.
 */
export async function bootstrap(options: UbClientOptions): Promise<ContextInfo> {
  const { tre, clock, log } = options;
  const identity = tre.identity();
  if (identity === undefined) throw new GbaError('no-subscription', 'the machine has no subscription in use');
  const client = options.connect(identity.bsf);
  const bsf = identity.bsf.fqdn;
  const get = (authorization: string) =>
    client.send('GET', '/', { headers: { host: bsf, 'user-agent': `gba-authz ${TMPI_TOKEN}`, authorization } });
  const run = (username: string) =>
    runOnce({ tre, random: options.random, username, bsf, now: () => clock.now(), get });
  try {
    const { btid, rand, expiresAt, ks, bsfUsesTmpi } = await withTmpi(tre, identity.impi, run);
    const context = { btid, rand: toHex(rand), impi: identity.impi, bsf, expiresAt };
    await tre.keepContext(context, ks, bsfUsesTmpi);
    ks.erase();
    log.info('bootstrapped', { btid });
    return context;
  } catch (error) {
    log.warn('bootstrap-failed', { code: codeOf(error) });
    throw error;
  } finally {
    client.close();
  }
}

async function withTmpi(tre: Tre, impi: string, run: (username: string) => Promise<Bootstrapped>) {
  const tmpi = await tre.tmpi();
  if (tmpi === undefined) return await run(impi);
  try {
    return await run(tmpi);
  } catch (error) {
    if (codeOf(error) !== 'ub-challenge-invalid') throw error;
    await tre.forgetTmpi();
    return await run(impi);
  }
}

async function runOnce(run: Run): Promise<Bootstrapped> {
  const first = await run.get(firstAuthorization(run.username, run.bsf));
  let challenge = readChallenge(refuseServerTrouble(first), run.bsf);
  let card = await run.tre.authenticate(challenge.rand, challenge.autn);
  if (card.result === 'sync-failure') {
    const { authorization } = answerChallenge(challenge, run.username, { auts: card.auts }, run.random);
    challenge = readChallenge(refuseServerTrouble(await run.get(authorization)), run.bsf);
    card = await run.tre.authenticate(challenge.rand, challenge.autn);
  }
  if (card.result === 'mac-failure') throw new GbaError('ub-mac-failure', 'the network did not authenticate itself');
  if (card.result === 'sync-failure') throw new GbaError('ub-sync-failure', 'out of step after a resynchronisation');
  const { res, ks } = card;
  try {
    const { authorization, cnonce } = answerChallenge(challenge, run.username, { res }, run.random);
    const answer = refuseServerTrouble(await run.get(authorization));
    const success = readSuccess(answer, { ...run, challenge, cnonce, res, now: run.now() });
    const bsfUsesTmpi = tokens(headerOf(answer, 'server')).includes(TMPI_TOKEN);
    return { ...success, rand: challenge.rand, ks, bsfUsesTmpi };
  } catch (error) {
    ks.erase();
    throw error;
  } finally {
    res.erase();
  }
}

/** The BSF's own trouble says nothing about us: try again later. */
function refuseServerTrouble(answer: UbAnswer): UbAnswer {
  if (answer.status < 500) return answer;
  throw new GbaError('peer-unreachable', `the BSF answered ${answer.status}`, { retryable: true });
}

function tokens(header: string | undefined): string[] {
  return (header ?? '').split(/[\s;,/]+/);
}
