import type { Phase } from './progress.ts';

/** What somebody can do about a reason; by code. */
const ADVICE: Readonly<Record<string, string>> = {
  'not-owner': 'the old operator has no contract with this certificate for these machines: ask it',
  'release-open': 'another change of these machines is open at the old operator: end it there first',
  'order-open': 'another order of these machines is open at the new operator: it ends when its token runs out',
  'token-expired': 'the token ran out before the machine had it all: --retry orders it anew',
  'token-bootstrap-unknown': 'the machine has bootstrapped anew since the release: --retry gets a new token',
  'instruction-not-owner': 'these machines have another owner key pinned',
  'preload-unknown': 'the new operator has put no subscription into these machines: leave both-present away',
  'no-subscription-free': 'the new operator has no subscriptions left: when it has more, run the same command again',
  'bootstrap-missing': 'the old operator has not heard of these machines lately: run the same command when they are up',
  'device-certificate-missing':
    'the old operator knows no device certificate of these machines yet: run the same command later',
  'machine-unreachable':
    'nobody answers at their URL: check the file and the maintenance network, run the same command again',
  'operator-unreachable': 'an operator does not answer: check its address, run the same command again',
  'still-under-way': 'nothing is wrong: run the same command again, it goes on waiting',
  'not-started': 'run the same command again',
  interrupted: 'run the same command again',
  cancelled: 'taken back at your word: --retry begins anew',
  'too-late': 'they have discarded the old subscription and go on to the new operator',
  'activation-failed': 'the new subscription does not work in these machines: the new operator has to look at them',
  internal: 'a fault of this program: report it',
};

const BY_PHASE: Readonly<Partial<Record<Phase, string>>> = {
  refused: 'mend the reason, then --retry begins anew',
  returned: '--retry begins anew',
};

export function adviceFor(phase: Phase, reason: string): string {
  return ADVICE[reason] ?? BY_PHASE[phase] ?? 'run the same command again';
}
