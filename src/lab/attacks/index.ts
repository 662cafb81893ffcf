import { GBA_ATTACKS } from './gba.ts';
import { MACHINE_ATTACKS } from './machine.ts';
import { OWNER_ATTACKS } from './owner.ts';
import { RO_ATTACKS } from './ro.ts';
import type { Attack } from './run-attack.ts';
import { SIGNED_ATTACKS } from './signed.ts';
import { SLOT_ATTACKS } from './slots.ts';

export { type Attack, type AttackReport, runAttack } from './run-attack.ts';

/** Bad input of every kind that an operator change can meet, each with the code it must be refused with. */
export const ATTACKS: readonly Attack[] = [
  ...MACHINE_ATTACKS,
  ...OWNER_ATTACKS,
  ...RO_ATTACKS,
  ...GBA_ATTACKS,
  ...SIGNED_ATTACKS,
  ...SLOT_ATTACKS,
];
