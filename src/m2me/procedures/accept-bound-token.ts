import { equalBytes, GbaError, type SecretKey, toHex } from '../../base/index.ts';
import {
  type BoundToken,
  boundTagMatches,
  type Claims,
  decodeClaims,
  deriveTokenKeys,
  meansBootstrap,
  readBoundToken,
} from '../../token/index.ts';
import type { ChangeState } from '../change-flow.ts';
import { READER_REFUSALS, type Refusal, refuse } from './refusal.ts';

/** A live bootstrap with its Ks_NAF(token). */
export interface TokenBootstrap {
  btid: string;
  ksNaf: SecretKey;
}

/** What the machine knows of a serial: the claims that its owner announced, and what has become of them. */
export interface KnownSerial {
  claimsDer: Buffer;
  state: ChangeState;
  /** Pinned K_install; gone when the change has ended. */
  install?: SecretKey;
}

export interface BoundTokenCheck {
  now: number;
  skewMs: number;
  m2meId: string;
  /** The RO whose certificate and Digest were checked on this connection. */
  roId: string;
  /** Announced digest of the package, 32 octets. */
  digest: Uint8Array;
  bootstraps: readonly TokenBootstrap[];
  known(serial: string): KnownSerial | undefined;
  /** Serial that waits for its package: only this one can be refused for good. */
  waiting: string;
}

export type BoundTokenVerdict = { ok: true; claims: Claims } | Refusal;

/**
 * Every rule of the design's accept list that can be judged before the package is there; the signer is judged with the
 * package. Pure; each refusal has its own reason, and none changes anything.
 */
export function acceptBoundToken(octets: Uint8Array, check: BoundTokenCheck): BoundTokenVerdict {
  let token: BoundToken;
  try {
    token = readBoundToken(octets);
  } catch (error) {
    if (error instanceof GbaError && READER_REFUSALS.includes(error.code)) return refuse(error.code);
    throw error;
  }
  const { claims } = token;
  if (claims.m2meId !== check.m2meId) return refuse('token-wrong-machine');
  const known = check.known(toHex(claims.serial));
  const announced = known !== undefined && equalBytes(known.claimsDer, token.claimsDer);
  const install = installKey(token, check, known);
  // An ended serial whose keys are gone: it is told by the claims, which equal those that ended.
  if (install === undefined) return refuse((announced && endOf(known.state)) || 'token-bootstrap-unknown');
  if (!boundTagMatches(token, install, check.digest, claims.newSho.id)) return refuse('token-tag-mismatch');
  return judgeAuthentic(claims, check, known, announced);
}

/** From here on the claims are the old SHO's and the binding is made by a holder of tag0. */
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

/** K_install of the bootstrap that the claims mean: the pinned one, else by trying the live ones. */
function installKey({ claims }: BoundToken, check: BoundTokenCheck, known: KnownSerial | undefined) {
  if (known?.install !== undefined && sameBootstrap(claims, decodeClaims(known.claimsDer))) return known.install;
  const meant = check.bootstraps.find(({ btid, ksNaf }) => meansBootstrap(claims, btid, ksNaf));
  return meant === undefined ? undefined : deriveTokenKeys(meant.ksNaf, claims.serial).install;
}

function sameBootstrap({ bootstrap: a }: Claims, { bootstrap: b }: Claims): boolean {
  if ('btid' in a) return 'btid' in b && a.btid === b.btid;
  return 'blinded' in b && equalBytes(a.blinded, b.blinded);
}

/** Why a serial in this state installs nothing more; undefined while it waits for its package. */
function endOf(state: ChangeState): string | undefined {
  if (state === 'announced' || state === 'attested' || state === 'downloading') return undefined;
  if (state === 'returned' || state === 'refused') return 'token-returned';
  return state === 'superseded' ? 'token-superseded' : 'token-serial-spent';
}
