import { type Clock, equalBytes, type Random } from '../base/index.ts';
import { buildAuthenticationInfo, computeFromHa1, hashBody, type Qop } from '../digest/index.ts';
import type { NonceCounts, NonceMaker } from './nonces.ts';
import type { UaCredentials } from './procedures/read-request.ts';

/** A refusal that is a challenge: the reason is for the log only, outside all look alike but for `stale`. */
export interface Refused {
  kind: 'refused';
  reason: string;
  stale: boolean;
}
export type Verdict = Refused | { kind: 'proven'; nextNonce: string | undefined };

export function refusal(reason: string, stale = false): Refused {
  return { kind: 'refused', reason, stale };
}

/** What a Ua digest covers beside the key. */
export interface Proof {
  method: string;
  credentials: UaCredentials;
  qop: Qop;
  /** H(entity body); of no body in `auth`, where it does not count. */
  bodyHash: string;
}

export interface VerifierOptions {
  algorithm: string;
  nonceLifetimeMs: number;
}

/** The Digest arithmetic of the NAF (RFC 7616 3.4, 3.5): is this request proven, and the proof of the answer. */
export function createVerifier(
  { algorithm, nonceLifetimeMs }: VerifierOptions,
  deps: { nonces: NonceMaker; counts: NonceCounts; clock: Clock; random: Random },
) {
  const { nonces, counts, clock } = deps;
  const noBodyHash = hashBody(algorithm, Buffer.alloc(0));
  /** Stands in for an unknown B-TID, so that it costs the same work as a wrong digest. */
  const nobody = deps.random.bytes(32).toString('hex').slice(0, noBodyHash.length);

  function fits(ha1: string, { method, credentials, qop, bodyHash }: Proof): boolean {
    const { uri, nonce, nc, cnonce, response } = credentials;
    const expected = computeFromHa1({ algorithm, ha1, method, uri, nonce, qop, nc, cnonce, bodyHash });
    return equalBytes(Buffer.from(expected, 'latin1'), Buffer.from(response, 'latin1'));
  }

  function conclude(fresh: boolean, age: number): Verdict {
    if (!fresh) return refusal('nc-replayed', true);
    return { kind: 'proven', nextNonce: age > nonceLifetimeMs / 2 ? nonces.make(clock.now()) : undefined };
  }

  return {
    noBodyHash,
    bodyHashOf: (body: Buffer): string => (body.length === 0 ? noBodyHash : hashBody(algorithm, body)),
    /** Digest first: only who holds the key learns that merely the nonce was at fault (RFC 7616 3.3). */
    judge(ha1: string, proof: Proof): Verdict | Promise<Verdict> {
      if (!fits(ha1, proof)) return refusal('digest-wrong');
      const { nonce, nc } = proof.credentials;
      const issued = counts.known(nonce) ?? nonces.read(nonce);
      const age = issued === undefined ? Number.POSITIVE_INFINITY : clock.now() - issued.at;
      if (issued === undefined || age >= nonceLifetimeMs || age < -nonceLifetimeMs) {
        return refusal('nonce-stale', true);
      }
      const advanced = counts.advance(nonce, issued, Number.parseInt(nc, 16));
      return typeof advanced === 'boolean' ? conclude(advanced, age) : advanced.then((fresh) => conclude(fresh, age));
    },
    /** The work of `judge` for a B-TID that has no key. */
    judgeNobody(proof: Proof): void {
      fits(nobody, proof);
    },
    /** Authentication-Info with rspauth over the answer's body (RFC 7616 3.5). */
    sign(ha1: string, { credentials, qop }: Proof, nextNonce: string | undefined, bodyHash: string): string {
      const { uri, nonce, nc, cnonce } = credentials;
      const rspauth = computeFromHa1({ algorithm, ha1, method: '', uri, nonce, qop, nc, cnonce, bodyHash });
      const next = nextNonce === undefined ? {} : { nextnonce: nextNonce };
      return buildAuthenticationInfo({ qop, rspauth, cnonce, nc, ...next });
    },
  };
}
