import { equalBytes, GbaError, toHex } from '../../base/index.ts';
import {
  type Claims,
  decodeClaims,
  deriveTokenKeys,
  type Instruction,
  meansBootstrap,
  type Signed,
  type TokenKeys,
} from '../../token/index.ts';
import { type ChangeState, isActive, isBeforeDiscard } from '../change-flow.ts';
import type { KnownSerial, TokenBootstrap } from './accept-bound-token.ts';
import { READER_REFUSALS, type Refusal, refuse } from './refusal.ts';

export interface InstructionCheck {
  now: number;
  skewMs: number;
  m2meId: string;
  roId: string;
  /** SHA-256 of the owner's public key, hex. */
  ownerKeySha256: string;
  /** Highest instruction number taken so far; 0: none. */
  highest: number;
  bootstraps: readonly TokenBootstrap[];
  known(serial: string): KnownSerial | undefined;
  /** The change under way, if any. */
  open: { serial: string; state: ChangeState } | undefined;
}

export type InstructionVerdict =
  | {
      ok: true;
      /** `announce`: a new serial; `renew`: the same again under a higher number; `cancel`: give it back. */
      effect: 'announce' | 'renew' | 'cancel';
      serial: string;
      claims: Claims;
      /** Keys to pin; absent when this serial's are pinned already. */
      keys?: TokenKeys;
      /** Serial that this instruction replaces. */
      replaces?: string;
    }
  | Refusal;

/** Step 2. `instruction` has a right signature already; whose it is, is judged here. Pure. */
export function acceptInstruction(instruction: Signed<Instruction>, check: InstructionCheck): InstructionVerdict {
  if (instruction.signer.spkiSha256 !== check.ownerKeySha256) return refuse('instruction-not-owner');
  if (instruction.m2meId !== check.m2meId) return refuse('instruction-wrong-machine');
  if (instruction.number <= check.highest) return refuse('instruction-replayed');
  let claims: Claims;
  try {
    claims = decodeClaims(instruction.claimsDer);
  } catch (error) {
    if (error instanceof GbaError && READER_REFUSALS.includes(error.code)) return refuse(error.code);
    throw error;
  }
  if (claims.m2meId !== check.m2meId) return refuse('token-wrong-machine');
  const serial = toHex(claims.serial);
  const known = check.known(serial);
  if (known !== undefined && !equalBytes(known.claimsDer, instruction.claimsDer)) return refuse('token-claims-differ');
  return instruction.kind === 'cancel'
    ? judgeCancel(claims, serial, known, check)
    : judgeChange(claims, serial, known, check);
}

function judgeCancel(
  claims: Claims,
  serial: string,
  known: KnownSerial | undefined,
  check: InstructionCheck,
): InstructionVerdict {
  if (known === undefined) {
    const keys = keysOf(claims, check);
    return keys === undefined
      ? refuse('token-bootstrap-unknown')
      : { ok: true, effect: 'cancel', serial, claims, keys };
  }
  if (isBeforeDiscard(known.state)) return { ok: true, effect: 'cancel', serial, claims };
  return refuse(ended(known.state) ? 'token-returned' : 'too-late');
}

function judgeChange(
  claims: Claims,
  serial: string,
  known: KnownSerial | undefined,
  check: InstructionCheck,
): InstructionVerdict {
  const { open } = check;
  if (known !== undefined && known.state !== 'superseded' && ended(known.state)) return refuse('token-returned');
  if (known?.state === 'superseded') return refuse('token-superseded');
  if (known !== undefined && !isBeforeDiscard(known.state)) return refuse('token-serial-spent');
  if (open !== undefined && open.serial !== serial && !isBeforeDiscard(open.state) && !isActive(open.state)) {
    return refuse('too-late');
  }
  if (claims.roId !== check.roId) return refuse('token-wrong-ro');
  if (check.now > claims.notAfter + check.skewMs) return refuse('token-expired');
  if (!claims.permissions.install) return refuse('token-install-not-permitted');
  if (!claims.permissions.unregister) return refuse('token-unregister-not-permitted');
  if (known !== undefined) return { ok: true, effect: 'renew', serial, claims };
  const keys = keysOf(claims, check);
  if (keys === undefined) return refuse('token-bootstrap-unknown');
  const replaced = open !== undefined && isBeforeDiscard(open.state) ? { replaces: open.serial } : {};
  return { ok: true, effect: 'announce', serial, claims, keys, ...replaced };
}

function ended(state: ChangeState): boolean {
  return state === 'returned' || state === 'refused' || state === 'superseded';
}

function keysOf(claims: Claims, { bootstraps }: InstructionCheck): TokenKeys | undefined {
  const meant = bootstraps.find(({ btid, ksNaf }) => meansBootstrap(claims, btid, ksNaf));
  return meant === undefined ? undefined : deriveTokenKeys(meant.ksNaf, claims.serial);
}
