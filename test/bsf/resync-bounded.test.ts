import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { codeOf, silentLog, systemRandom } from '../../src/base/index.ts';
import { parseChallenge } from '../../src/digest/index.ts';
import { createClient } from '../../src/http/index.ts';
import { bootstrap as runUb } from '../../src/m2me/ub-client.ts';
import {
  answerTo,
  authenticate,
  firstRequest,
  type RawAnswer,
  send,
  testSubscriber,
  ubHeaders,
} from '../support/ue.ts';
import { BSF, startTestBsf } from './support.ts';

/** Resynchronisation at Ub ends, whichever side goes on asking for it. */

type Lab = Awaited<ReturnType<typeof startTestBsf>>;
const LIMIT = 8;
let lab: Lab;
before(async () => {
  lab = await startTestBsf({ config: { maxOutstandingFromOne: LIMIT } });
});
after(() => lab.bsf.close());

const nonceOf = (answer: RawAnswer) => parseChallenge(String(answer.headers['www-authenticate'])).nonce;

test('a UE that answers every challenge with AUTS costs no more vectors than its share', async () => {
  const ue = testSubscriber('auts@ims.test');
  ue.sqn = { ...ue.sqn, seqs: ue.sqn.seqs.map(() => 1_000_000) };
  lab.hss.add(ue.impi, ue.keys);
  const before = lab.hss.state.vectors;
  let asked = 0;
  let answer = await firstRequest(lab.ub, ue.impi, BSF);
  while (answer.status === 401 && asked < 100) {
    asked++;
    // A card that never gets in step: its own SQN runs away from whatever the HSS does.
    ue.sqn = { ...ue.sqn, seqs: ue.sqn.seqs.map((seq) => seq + 1_000_000) };
    const card = authenticate(ue, nonceOf(answer));
    assert.ok(card.result === 'sync-failure');
    const credentials = answerTo(answer, ue.impi, Buffer.alloc(0), { auts: card.auts });
    answer = await send(lab.ub, { headers: ubHeaders(credentials) });
  }
  assert.equal(answer.status, 503);
  assert.equal(lab.hss.state.vectors - before, LIMIT);
  assert.ok(lab.events.some(({ code }) => code === 'resync-repeated'));
});

test('a UE that gets a bad vector again and again asks for one resynchronisation a run', async () => {
  const ue = testSubscriber('bad-vectors@ims.test');
  lab.hss.add(ue.impi, ue.keys);
  const url = new URL(lab.ub);
  let requests = 0;
  const tre = {
    identity: () => ({ impi: ue.impi, bsf: { fqdn: BSF, url: lab.ub }, sho: { id: 'x', url: 'x' }, serial: null }),
    tmpi: async () => undefined,
    authenticate: async () => ({ result: 'sync-failure' as const, auts: systemRandom.bytes(14) }),
  };
  const connect = () => {
    const client = createClient({ url: url.origin });
    return {
      ...client,
      send: (...args: Parameters<typeof client.send>) => {
        requests++;
        return client.send(...args);
      },
    };
  };
  const run = () =>
    runUb({ tre: tre as never, connect, clock: lab.clock, random: systemRandom, log: silentLog }).catch(codeOf);
  assert.equal(await run(), 'ub-sync-failure');
  assert.equal(requests, 2);
});
