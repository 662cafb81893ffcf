import { equalBytes, toHex } from '../../base/index.ts';
import type { BoundToken, Claims } from '../../token/index.ts';
import type { ChangeState } from '../change-flow.ts';
import { type Refusal, refuse } from './refusal.ts';

/** What the machine knows of a serial: the claims that its owner announced, and what has become of them. */
export interface KnownSerial {
  claimsDer: Buffer;
  state: ChangeState;
}

export interface BoundTokenCheck {
  now: number;
  skewMs: number;
  m2meId: string;
  /** The RO whose certificate and Digest were checked on this connection. */
  roId: string;
  /** What `isNarrowed` says of the bound token and the announced digest. */
  narrowed: boolean | undefined;
  known(serial: string): KnownSerial | undefined;
  /** Serial that waits for its package: only this one can be refused for good. */
  waiting: string;
}

export type BoundTokenVerdict = { ok: true; claims: Claims } | Refusal;

/**
 * Every rule of the design's accept list that can be judged before the package is there; the signer is judged with the
 * package. Pure; each refusal has its own reason, and none changes anything.
 */
export function acceptBoundToken(token: BoundToken, check: BoundTokenCheck): BoundTokenVerdict {
  const { claims } = token;
  if (claims.m2meId !== check.m2meId) return refuse('token-wrong-machine');
  const known = check.known(toHex(claims.serial));
  const announced = known !== undefined && equalBytes(known.claimsDer, token.claimsDer);
  // An ended serial whose keys are gone: it is told by the claims, which equal those that ended.
  if (check.narrowed === undefined) return refuse((announced && endOf(known.state)) || 'token-bootstrap-unknown');
  if (!check.narrowed) return refuse('token-tag-mismatch');
  return judgeAuthentic(claims, check, known, announced);
}

/** From here on the claims are the old SHO's and the binding is the new SHO's. */
function judgeAuthentic(
  claims: Claims,
  check: BoundTokenCheck,
  known: KnownSerial | undefined,
  announced: boolean,
): BoundTokenVerdict {
  const own = announced && toHex(claims.serial) === check.waiting;
  if (check.now > claims.notAfter + check.skewMs) return refuse('token-expired', own);
  if (check.now < claims.notBefore - check.skewMs) return refuse('token-not-yet-valid');
  if (!claims.permissions.install) return refuse('token-install-not-permitted', own);
  if (known === undefined) return refuse('token-not-announced');
  if (!announced) return refuse('token-claims-differ');
  if (claims.roId !== check.roId) return refuse('token-wrong-ro');
  const end = endOf(known.state);
  return end === undefined ? { ok: true, claims } : refuse(end);
}

/** Why a serial in this state installs nothing more; undefined while it waits for its package. */
function endOf(state: ChangeState): string | undefined {
  if (state === 'announced' || state === 'attested' || state === 'downloading') return undefined;
  if (state === 'returned' || state === 'refused') return 'token-returned';
  return state === 'superseded' ? 'token-superseded' : 'token-serial-spent';
}
