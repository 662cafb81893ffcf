import { codeOf } from '../../base/index.ts';
import type { ChangeState } from '../change-flow.ts';
import type { Change } from '../journal.ts';
import type { Machine } from '../machine.ts';
import { attest } from './attest.ts';
import { keepBootstrapped, showToRo } from './bootstrap.ts';
import { takeCorrection } from './correct.ts';
import { activate, beginDiscard, discard, returnExpired } from './discard.ts';
import { enrolDevice } from './enrol.ts';
import { orGrace, relay, report, reportFailure, unregister } from './owed.ts';
import { answerRecall } from './recall.ts';
import { takeDelivery, takePackage } from './receive.ts';

type Step = (machine: Machine, change: Change) => Promise<boolean>;

/** What a state is waiting for, in the order of trying; the first that makes progress ends the turn. */
const STEPS: Readonly<Record<ChangeState, readonly Step[]>> = {
  announced: [returnExpired, attest, takeDelivery],
  attested: [returnExpired, takeDelivery, attest],
  downloading: [returnExpired, takePackage],
  stored: [returnExpired, beginDiscard],
  discarding: [discard],
  discarded: [(machine, change) => orGrace(machine, change, () => unregister(machine, change))],
  acknowledged: [(machine, change) => orGrace(machine, change, () => relay(machine, change))],
  released: [activate],
  'activating-owing-9': [activate],
  'activating-owing-11': [activate],
  'active-owing-9': [unregister],
  'active-owing-11': [relay],
  'active-owing-13': [report],
  'failed-owing-9': [unregister],
  'failed-owing-11': [relay],
  'failed-owing-13': [reportFailure],
  failed: [takeCorrection],
  finished: [],
  returned: [],
  refused: [],
  superseded: [],
};

/**
 * One turn of the machine: every open change goes one step further if it can, then, when none could,
 * the bootstrapping is looked after. True
 * when anything moved. A step that fails is logged and tried again at the next poll; it never keeps the others from running.
 */
export async function takeTurn(machine: Machine): Promise<boolean> {
  let moved = false;
  for (const change of await machine.journal.changes()) {
    for (const step of STEPS[change.state]) {
      const done = await attempt(machine, change.state, () => step(machine, change));
      moved ||= done;
      if (done) break;
    }
  }
  // What is under way goes first: the bootstrapping with a new operator can wait until the change has been reported.
  if (moved) return true;
  const enrolled = await attempt(machine, 'enrolment', () => enrolDevice(machine));
  const bootstrapped = await attempt(machine, 'bootstrap', () => keepBootstrapped(machine));
  const shown = await attempt(machine, 'discovery', () => showToRo(machine));
  const returned = await attempt(machine, 'recall', () => answerRecall(machine));
  return enrolled || bootstrapped || shown || returned;
}

async function attempt(machine: Machine, during: string, step: () => Promise<boolean>): Promise<boolean> {
  try {
    return await step();
  } catch (error) {
    machine.setbacks++;
    machine.log.warn('setback', { during, code: codeOf(error) });
    return false;
  }
}
