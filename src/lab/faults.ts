import { GbaError } from '../base/index.ts';
import type { StepEvent } from '../flow/index.ts';
import type { Carrier } from '../m2me/index.ts';
import type { ChangeResult } from './change.ts';
import type { LabClock } from './clock.ts';
import { NAMES } from './names.ts';

const HOUR = 3_600_000;
/** The machine owes nothing to nobody before this step. */
const NO_RETURN = 8;

/** What goes wrong in a lab, and when. */
export interface Faults {
  /** The old operator's connectivity ends right after this step, 8 to 11. */
  cutAfter?: number;
  /** Stops answering for good right after step 8. */
  silent?: 'ro' | 'old-sho';
  /** A day passes: for keys right after step 8, for the token right after step 2. */
  expire?: 'ks' | 'token';
}

export interface FaultPlan {
  carrier: Carrier;
  /** Name of the party that falls silent. */
  silent: string | undefined;
  onStep(event: StepEvent): void;
  /** Is this how a change with these faults has to end? */
  isProperEnd(result: ChangeResult): boolean;
  /** What happens, in one line for people. */
  story: string | undefined;
}

/** `after=N` of `--cut`; throws `option-invalid`. */
export function parseCut(text: string): number {
  const step = Number(/^after=(\d{1,2})$/.exec(text)?.[1] ?? Number.NaN);
  if (!(step >= NO_RETURN && step <= 11)) {
    throw new GbaError('option-invalid', '--cut takes after=8, after=9, after=10 or after=11');
  }
  return step;
}

export function planFaults(faults: Faults, clock: LabClock, stop: (name: string) => Promise<void>): FaultPlan {
  const { cutAfter, silent: quiet, expire } = faults;
  const silent = quiet === undefined ? undefined : { ro: NAMES.ro, 'old-sho': NAMES.oldSho }[quiet];
  let cut = false;
  let stopped = false;
  let jumped = false;
  return {
    silent,
    carrier: { up: (operator) => !cut || operator === NAMES.newSho },
    onStep({ step }) {
      if (step === cutAfter) cut = true;
      if (step === NO_RETURN && silent !== undefined && !stopped) {
        stopped = true;
        void stop(silent);
      }
      if (!jumped && expire !== undefined && step === (expire === 'ks' ? NO_RETURN : 2)) {
        jumped = true;
        // Longer than any Ks and any token of a lab lives, and than clocks may differ.
        clock.advance(25 * HOUR);
      }
    },
    isProperEnd({ state, reason, operator }) {
      if (expire === 'token') return state === 'refused' && reason === 'token-expired';
      if (silent !== undefined) return (state === 'active' || state === 'done') && operator === NAMES.newSho;
      return state === 'done';
    },
    story: storyOf(faults),
  };
}

function storyOf({ cutAfter, silent, expire }: Faults): string | undefined {
  if (cutAfter !== undefined) return `after step ${cutAfter} the old operator's connectivity is gone`;
  if (silent !== undefined) return `after step 8 ${silent === 'ro' ? 'the RO' : 'the old SHO'} never answers again`;
  if (expire === 'ks') return 'after step 8 a day passes: every Ks is over';
  if (expire === 'token') return 'after step 2 a day passes: the token is over before step 8';
  return undefined;
}
