import {
  type AkaSource,
  checkSqn,
  computeAka,
  createSqnState,
  makeVector,
  openAuts,
  type SqnState,
  splitSqn,
  type UsimResult,
  usimAuthenticate,
} from '../../aka/index.ts';
import { GbaError } from '../../base/index.ts';
import { akaPassword, makeAkaNonce, parseAkaNonce } from '../../digest/index.ts';
import { autnStar, deriveTmpi, flipRes, ksFrom, makeBtid } from '../../gba/index.ts';
import { checkUbAnswer, checkUbDigest } from './chain-digest.ts';
import { checkNafs } from './chain-nafs.ts';
import { type AcceptedRun, type Chain, type ChainRun, chainHeadSchema, chainSchema } from './chain-schema.ts';
import type { Comparison } from './comparison.ts';
import { read } from './fields.ts';
import { type KindRunner, notSupported } from './kind.ts';
import { akaSource, checkAlgorithm } from './source.ts';

const OTHER_MODES = ['2g', 'gba_digest'];

/** From the subscriber's key to Ks_NAF, network and card (TS 33.220 4.5.2, 5.3.2; TS 24.109 annex A). */
export const runChain: KindRunner = (vector, comparison) => {
  const head = read(chainHeadSchema, vector);
  if (OTHER_MODES.includes(head.mode)) throw notSupported(`mode ${head.mode}`);
  checkAlgorithm(head.subscriber.algorithm);
  const chain = read(chainSchema, vector);
  const source = akaSource(chain.subscriber, comparison);
  const card = createCard(chain);
  if (chain.expect.result === 'mac-failure') checkMacFailure(chain, source, card, comparison);
  else if (chain.expect.result === 'sync-failure') checkSyncFailure(chain, chain.expect, source, card, comparison);
  else checkAccepted(chain, chain.expect, source, card, comparison);
};

interface NetworkRun {
  rand: Buffer;
  sqn: Buffer;
  nonce: string;
  ubRes: Buffer;
  ck: Buffer;
  ik: Buffer;
}

/** What HSS and BSF make: vector, and for GBA_U the AUTN* and RES that the card's side of the line sees. */
function checkNetwork(
  chain: Chain,
  source: AkaSource,
  challenge: { rand: Buffer; sqn: Buffer },
  expect: ChainRun,
  comparison: Comparison,
): NetworkRun {
  const { subscriber, network } = chain;
  const { autn, xres, ck, ik } = makeVector(source, challenge.rand, challenge.sqn, subscriber.amf);
  const uicc = chain.mode === 'gba_u';
  const sent = uicc ? autnStar(autn, ik) : autn;
  const ubRes = uicc ? flipRes(xres) : xres;
  const nonce = makeAkaNonce(challenge.rand, sent, network.serverData);
  comparison.octets('autn', autn, expect.autn);
  comparison.holds(uicc || expect.autnStar === undefined, 'autnStar: only in gba_u');
  comparison.octets('autnStar', sent, expect.autnStar);
  comparison.octets('xres', xres, expect.xres);
  comparison.holds(uicc || expect.ubRes === undefined, 'ubRes: only in gba_u');
  comparison.octets('ubRes', ubRes, expect.ubRes);
  comparison.octets('ck', ck, expect.ck);
  comparison.octets('ik', ik, expect.ik);
  comparison.text('nonce', nonce, expect.nonce);
  return { rand: challenge.rand, sqn: challenge.sqn, nonce, ubRes, ck, ik };
}

/** What follows from a run that the card accepts: Ks, the identifiers and the NAF keys, from the card's own CK and IK. */
function checkKeys(
  chain: Chain,
  expect: ChainRun,
  rand: Buffer,
  card: { ck: Buffer; ik: Buffer },
  comparison: Comparison,
): void {
  const { mode, subscriber, network } = chain;
  const ks = ksFrom(card.ck, card.ik);
  const btid = makeBtid(rand, network.bsf);
  comparison.octets('ks', ks.bytes(), expect.ks);
  comparison.text('btid', btid, expect.btid);
  comparison.text('tmpi', deriveTmpi({ ks, rand, impi: subscriber.impi, bsf: network.bsf }), expect.tmpi);
  checkNafs(expect.nafs ?? [], { mode, ks, rand, impi: subscriber.impi, btid }, comparison);
}

function checkAccepted(
  chain: Chain,
  expect: Extract<Chain['expect'], { result: 'ok' }>,
  source: AkaSource,
  card: SqnState,
  comparison: Comparison,
): void {
  const run = checkNetwork(chain, source, challengeOf(chain), expect, comparison);
  const result = answer(chain, source, card, run.nonce);
  if (result.result !== 'ok') {
    comparison.text('result', result.result, expect.result);
    return;
  }
  comparison.holds(!checkSqn(result.next, run.sqn).ok, 'usim: the same SQN is accepted again');
  checkAnswer('', chain, expect, run, result, comparison);
}

/** What follows when the card accepts; `at` is where in `expect` the values stand. */
function checkAnswer(
  at: string,
  chain: Chain,
  { digest, ...expect }: AcceptedRun,
  run: NetworkRun,
  card: Extract<UsimResult, { result: 'ok' }>,
  comparison: Comparison,
): void {
  const res = chain.mode === 'gba_u' ? flipRes(card.res) : card.res;
  comparison.octets('res', res, run.ubRes);
  checkKeys(chain, expect, run.rand, card, comparison);
  if (digest === undefined) return;
  const { subscriber, network } = chain;
  const password = akaPassword(digest.algorithm, { res, ck: card.ck, ik: card.ik });
  const known = { username: subscriber.impi, realm: network.bsf, nonce: run.nonce, password };
  checkUbDigest(`${at}digest`, digest, known, comparison);
  checkUbAnswer(`${at}digest`, digest, makeBtid(run.rand, network.bsf), comparison);
}

function checkSyncFailure(
  chain: Chain,
  expect: Extract<Chain['expect'], { result: 'sync-failure' }>,
  source: AkaSource,
  card: SqnState,
  comparison: Comparison,
): void {
  const run = checkNetwork(chain, source, challengeOf(chain), expect, comparison);
  const result = answer(chain, source, card, run.nonce);
  if (result.result !== 'sync-failure') {
    comparison.text('result', result.result, expect.result);
    return;
  }
  // The card keeps its CK and IK to itself, but the network knows them.
  checkKeys(chain, expect, run.rand, run, comparison);
  comparison.octets('auts', result.auts, expect.auts);
  comparison.text('autsBase64', result.auts.toString('base64'), expect.autsBase64);
  const opened = openAuts(source, run.rand, result.auts);
  comparison.octets('sqnMs', opened?.sqnMs ?? Buffer.alloc(0), expect.sqnMs);
  if (expect.syncDigest !== undefined) {
    const known = { username: chain.subscriber.impi, realm: chain.network.bsf, nonce: run.nonce };
    checkUbDigest(
      'syncDigest',
      expect.syncDigest,
      { ...known, password: Buffer.alloc(0), auts: result.auts },
      comparison,
    );
  }
  if (expect.retry === undefined) return;
  const { indBits } = chain.usim;
  const jump = splitSqn(expect.retry.sqn, indBits).seq - splitSqn(expect.sqnMs, indBits).seq;
  comparison.holds(jump === 1, 'retry.sqn: not just above SQN_MS');
  const retry = checkNetwork(chain, source, expect.retry, expect.retry, comparison);
  const second = answer(chain, source, card, retry.nonce);
  if (second.result === 'ok') checkAnswer('retry.', chain, expect.retry, retry, second, comparison);
  else comparison.text('retry.result', second.result, 'ok');
}

function checkMacFailure(chain: Chain, source: AkaSource, card: SqnState, comparison: Comparison): void {
  if (chain.challenge === undefined) throw new GbaError('vector-invalid', 'challenge: missing');
  const { autn, nonce } = chain.challenge;
  comparison.text('challenge.nonce', makeAkaNonce(chain.network.rand, autn, chain.network.serverData), nonce);
  comparison.text('result', answer(chain, source, card, nonce).result, 'mac-failure');
}

function challengeOf(chain: Chain): { rand: Buffer; sqn: Buffer } {
  if (chain.challenge !== undefined) throw new GbaError('vector-invalid', 'challenge: only in MAC failures');
  if (chain.network.sqn === undefined) throw new GbaError('vector-invalid', 'network.sqn: missing');
  return { rand: chain.network.rand, sqn: chain.network.sqn };
}

/** The card's answer to the nonce on the line; in GBA_U it takes its IK first to turn AUTN* back (TS 33.220 5.3.2). */
function answer(chain: Chain, source: AkaSource, card: SqnState, nonce: string): UsimResult {
  const { rand, autn } = parseAkaNonce(nonce);
  if (chain.mode === 'gba_me') return usimAuthenticate(source, card, rand, autn);
  const { ik } = computeAka(source, rand, Buffer.alloc(6), Buffer.alloc(2));
  return usimAuthenticate(source, card, rand, autnStar(autn, ik));
}

function createCard({ usim }: Chain): SqnState {
  const fresh = createSqnState(usim);
  const outside = Object.keys(usim.seqs).some((ind) => Number(ind) >= fresh.seqs.length);
  if (outside) throw new GbaError('vector-invalid', 'usim.seqs: IND out of range');
  return { ...fresh, seqs: fresh.seqs.map((_, ind) => usim.seqs[String(ind)] ?? 0) };
}
