import { codeOf, GbaError } from '../base/index.ts';
import { cancelChange, type OwnerTools, type Target } from './change.ts';
import { patiently } from './patience.ts';

/** States of a release that nobody can return any more. */
const GONE = ['letting-go', 'gone'];

/**
 * Clears a change that ended without success, so that the next one begins with a new token: one that is still out is asked
 * back from the machine first. Throws `too-late` when the machine is past its point of no return.
 */
export async function beginAnew(tools: OwnerTools, target: Target, until: number): Promise<void> {
  const { oldSho, journal } = tools;
  const { m2meId } = target;
  const { serial } = journal.of(m2meId);
  if (serial !== undefined) {
    const stateNow = async () => (await patiently(tools, until, () => oldSho.releaseState(serial))).state;
    const state = await stateNow();
    if (GONE.includes(state)) throw new GbaError('too-late', 'the old operator has let the machine go');
    if (state !== 'returned') await askBack(tools, target, serial, until);
    await patiently(tools, until, async () => {
      if ((await stateNow()) === 'returned') return;
      throw new GbaError('release-not-returned', 'the machine has not returned the token yet', { retryable: true });
    });
  }
  await journal.forget(m2meId);
}

/** By the owner's word; where the machine cannot judge that, by the old operator's. */
async function askBack(tools: OwnerTools, target: Target, serial: string, until: number): Promise<void> {
  try {
    await cancelChange(tools, target, until);
  } catch (error) {
    if (!['token-bootstrap-unknown', 'nothing-ordered'].includes(codeOf(error))) throw error;
    await patiently(tools, until, () => tools.oldSho.recall(serial));
  }
}
