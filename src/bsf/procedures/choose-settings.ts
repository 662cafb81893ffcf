import { GbaError } from '../../base/index.ts';
import { type KeyChoice, keyChoiceOf } from '../../gba/index.ts';
import type { Uss } from '../../http/index.ts';
import type { NafPolicy } from '../config.ts';

/** The USSs that a NAF gets, and whether Ks_int_NAF goes with the other key. */
export interface Settings {
  uss: Uss[];
  uiccKey: boolean;
}

export interface Capabilities {
  /** The bootstrapping ended in the card. */
  gbaU: boolean;
  /** The NAF knows what to do with Ks_int_NAF. */
  aware: boolean;
}

const refuse = (why: string): GbaError => new GbaError('naf-not-allowed', why);

/**
 * Local policy and the subscriber's settings together (TS 33.220 4.4.6, 4.5.3, 5.3.3): which USSs go to a NAF, and which keys.
 * Throws `naf-not-allowed` when it asks for a service that is not its own, when the subscriber lacks a USS that the policy
 * requires, and when the settings demand a key that this NAF or this card cannot have.
 */
export function chooseSettings(
  guss: readonly Uss[],
  asked: readonly number[],
  policy: Pick<NafPolicy, 'group' | 'gsIds' | 'requires'>,
  { gbaU, aware }: Capabilities,
): Settings {
  if (asked.some((gsId) => !policy.gsIds.includes(gsId)))
    throw refuse('this NAF may not have settings of this service');
  const required = policy.requires.map((gsId) => ussFor(guss, gsId, policy.group));
  if (required.includes(undefined)) throw refuse('the subscriber has no settings for this NAF');
  const given = [...new Set(asked)].map((gsId) => ussFor(guss, gsId, policy.group));
  const present = (list: readonly (Uss | undefined)[]): Uss[] => list.filter((uss) => uss !== undefined);
  return { uss: present(given), uiccKey: uiccKeyGoes(present([...given, ...required]), gbaU && aware) };
}

/** The USS of the NAF's own group before the one for every NAF; those of other groups are not for it. */
function ussFor(guss: readonly Uss[], gsId: number, group: string | undefined): Uss | undefined {
  const ofService = guss.filter((uss) => uss.gsId === gsId);
  const ofGroup = group === undefined ? undefined : ofService.find((uss) => uss.nafGroup === group);
  return ofGroup ?? ofService.find((uss) => uss.nafGroup === undefined);
}

/** The interface always carries the other key, so what can be withheld is Ks_int_NAF, or everything. */
function uiccKeyGoes(relevant: readonly Uss[], possible: boolean): boolean {
  const choices = relevant.flatMap(({ keyChoice }) => (keyChoice === undefined ? [] : [choiceOf(keyChoice)]));
  const onlyMe = choices.includes('ME_BASED_KEY');
  const onlyUicc = choices.includes('UICC_BASED_KEY');
  if (onlyMe && onlyUicc) throw refuse('the settings of these services demand different keys');
  if (onlyUicc && !possible) throw refuse('the settings demand a key in the card');
  return possible && !onlyMe;
}

function choiceOf(text: string): KeyChoice {
  const choice = keyChoiceOf(text);
  if (choice === undefined) throw refuse('the settings demand a key that is not known here');
  return choice;
}
