import { equalBytes, type SecretKey, toHex } from '../../base/index.ts';
import {
  type Announcement,
  type Claims,
  type ConsentCheck,
  type Instruction,
  judgeConsent,
  type Signed,
} from '../../token/index.ts';
import { type ChangeState, isActive, isBeforeDiscard } from '../change-flow.ts';
import type { KnownSerial } from './accept-bound-token.ts';
import { type Refusal, refuse } from './refusal.ts';

export interface InstructionCheck extends ConsentCheck {
  now: number;
  skewMs: number;
  m2meId: string;
  roId: string;
  /** SHA-256 of the owner's public key, hex. */
  ownerKeySha256: string;
  /** Highest instruction number taken so far; 0: none. */
  highest: number;
  known(serial: string): KnownSerial | undefined;
  /** The change under way, if any. */
  open: { serial: string; state: ChangeState } | undefined;
}

export type InstructionVerdict =
  | {
      ok: true;
      /** `announce`: a new serial; `renew`: the same again under a higher number; `cancel`: give it back; `sign`: these claims. */
      effect: 'announce' | 'renew' | 'cancel' | 'sign';
      serial: string;
      claims: Claims;
      /** What is to be pinned of the old SHO's consent; absent when this serial's is pinned already. */
      secrets?: SecretKey[];
      /** Serial that this instruction replaces. */
      replaces?: string;
    }
  | Refusal;

/** Step 2. `instruction` and what it announces have right signatures already; whose they are, is judged here. Pure. */
export function acceptInstruction(
  instruction: Signed<Instruction>,
  announcement: Announcement,
  check: InstructionCheck,
): InstructionVerdict {
  const stranger = judgeSender(instruction, check);
  if (stranger !== undefined) return stranger;
  const { claims, claimsDer } = announcement;
  if (claims.m2meId !== check.m2meId) return refuse('token-wrong-machine');
  const serial = toHex(claims.serial);
  const known = check.known(serial);
  if (known !== undefined && !equalBytes(known.claimsDer, claimsDer)) return refuse('token-claims-differ');
  if (instruction.kind === 'sign') return judgeSigning(claims, serial, known, check);
  return instruction.kind === 'cancel'
    ? judgeCancel(announcement, serial, known, check)
    : judgeChange(announcement, serial, known, check);
}

/** Who instructs, whom and when: judged before what is announced is even read. */
export function judgeSender(
  { signer, m2meId, number }: Signed<Instruction>,
  check: Pick<InstructionCheck, 'ownerKeySha256' | 'm2meId' | 'highest'>,
): Refusal | undefined {
  if (signer.spkiSha256 !== check.ownerKeySha256) return refuse('instruction-not-owner');
  if (m2meId !== check.m2meId) return refuse('instruction-wrong-machine');
  if (number <= check.highest) return refuse('instruction-replayed');
  return undefined;
}

/** Signed variant: may the device key sign these claims? Nothing becomes of them without the old SHO's countersignature. */
function judgeSigning(
  claims: Claims,
  serial: string,
  known: KnownSerial | undefined,
  check: InstructionCheck,
): InstructionVerdict {
  if (!('device' in claims.bootstrap) || !equalBytes(claims.bootstrap.device, check.deviceKey)) {
    return refuse('token-device-unknown');
  }
  if (known !== undefined && !isBeforeDiscard(known.state)) {
    return refuse(ended(known.state) ? 'token-returned' : 'token-serial-spent');
  }
  return unfit(claims, check) ?? { ok: true, effect: 'sign', serial, claims };
}

/** Why these claims can install nothing here, whoever consented. */
function unfit(claims: Claims, check: InstructionCheck): Refusal | undefined {
  if (claims.roId !== check.roId) return refuse('token-wrong-ro');
  if (check.now > claims.notAfter + check.skewMs) return refuse('token-expired');
  if (!claims.permissions.install) return refuse('token-install-not-permitted');
  if (!claims.permissions.unregister) return refuse('token-unregister-not-permitted');
  return undefined;
}

function judgeCancel(
  announcement: Announcement,
  serial: string,
  known: KnownSerial | undefined,
  check: InstructionCheck,
): InstructionVerdict {
  const { claims } = announcement;
  if (known === undefined) {
    const consent = judgeConsent(announcement, check);
    return consent.ok
      ? { ok: true, effect: 'cancel', serial, claims, secrets: consent.secrets }
      : refuse(consent.reason);
  }
  if (isBeforeDiscard(known.state)) return { ok: true, effect: 'cancel', serial, claims };
  return refuse(ended(known.state) ? 'token-returned' : 'too-late');
}

function judgeChange(
  announcement: Announcement,
  serial: string,
  known: KnownSerial | undefined,
  check: InstructionCheck,
): InstructionVerdict {
  const { open } = check;
  const { claims } = announcement;
  if (known !== undefined && known.state !== 'superseded' && ended(known.state)) return refuse('token-returned');
  if (known?.state === 'superseded') return refuse('token-superseded');
  if (known !== undefined && !isBeforeDiscard(known.state)) return refuse('token-serial-spent');
  if (open !== undefined && open.serial !== serial && !isBeforeDiscard(open.state) && !isActive(open.state)) {
    return refuse('too-late');
  }
  const misfit = unfit(claims, check);
  if (misfit !== undefined) return misfit;
  if (known !== undefined) return { ok: true, effect: 'renew', serial, claims };
  const consent = judgeConsent(announcement, check);
  if (!consent.ok) return refuse(consent.reason);
  const replaced = open !== undefined && isBeforeDiscard(open.state) ? { replaces: open.serial } : {};
  return { ok: true, effect: 'announce', serial, claims, secrets: consent.secrets, ...replaced };
}

function ended(state: ChangeState): boolean {
  return state === 'returned' || state === 'refused' || state === 'superseded';
}
