import { z } from 'zod';
import { fromBase64, toHex } from '../../base/index.ts';
import { decodeClaims } from '../../token/index.ts';
import { isBeforeDiscard } from '../change-flow.ts';
import { currentSho, type Machine } from '../machine.ts';
import { giveBack } from './give-back.ts';

const recallSchema = z.looseObject({ serial: z.string(), claims: z.string() });

/**
 * The old SHO cannot take a release back alone: it asks, over Ua, and the machine answers "returned" while it can. After
 * step 8 there is no such question any more: the unregistration is the answer. True when something was given back.
 */
export async function answerRecall(machine: Machine): Promise<boolean> {
  const { config, clock, journal, tre } = machine;
  if (tre.identity() === undefined) return false;
  const since = clock.now() - machine.recallAskedAt;
  if (since >= 0 && since < config.recallPollMs) return false;
  const sho = currentSho(machine);
  const asked = await machine.links.live(sho).send('GET', `/ua/v1/recalls?m2me=${encodeURIComponent(config.id)}`);
  machine.recallAskedAt = clock.now();
  if (asked.status !== 200) return false;
  const { serial, claims } = asked.json(recallSchema);
  const change = (await journal.changes()).find((one) => one.serial === serial);
  if (change !== undefined && isBeforeDiscard(change.state)) {
    await giveBack(machine, change, 'refuse', 'recalled');
    return true;
  }
  // What was asked for is not of this machine: nothing is burnt, so nothing can be answered.
  if (change === undefined && !(await burnUnheard(machine, serial, fromBase64(claims, 'claims')))) return false;
  // Its keys may be gone or have never been here: the answer goes over Ua, where both ends are proved.
  const path = `/ua/v1/recalls/${encodeURIComponent(serial)}`;
  const told = await machine.links.live(sho).send('POST', path, { json: { m2meId: config.id } });
  machine.log.info('recall-answered', { serial, status: told.status });
  return change === undefined;
}

/** A serial that the owner never announced here is burnt, so that it never can be. */
async function burnUnheard(machine: Machine, serial: string, claimsDer: Buffer): Promise<boolean> {
  const { config, clock, journal } = machine;
  const claims = decodeClaims(claimsDer);
  if (claims.m2meId !== config.id || toHex(claims.serial) !== serial) return false;
  const { id, url } = currentSho(machine);
  const rest = { since: clock.now(), number: 0, claims: claimsDer.toString('base64'), oldSho: { id, url } };
  await journal.commit([journal.newChangeOp(serial, { state: 'returned', reason: 'recalled', ...rest })]);
  return true;
}
