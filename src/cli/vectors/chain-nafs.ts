import { GbaError, type SecretKey } from '../../base/index.ts';
import { computeResponse } from '../../digest/index.ts';
import { deriveKsIntNaf, deriveKsNaf, ksNafInput } from '../../gba/index.ts';
import type { ChainNaf } from './chain-schema.ts';
import type { Comparison } from './comparison.ts';

interface Bootstrap {
  mode: 'gba_me' | 'gba_u';
  ks: SecretKey;
  rand: Buffer;
  impi: string;
  btid: string;
}

/** NAF_Id, S, the keys of each NAF (TS 33.220 B.3) and its Ua request (ua.md 3.3: password = base64 of the key). */
export function checkNafs(nafs: readonly ChainNaf[], bootstrap: Bootstrap, comparison: Comparison): void {
  nafs.forEach((naf, index) => {
    const at = (field: string): string => `nafs.${index}.${field}`;
    // The vectors hold names as they are, upper case too; the product itself takes the canonical form only.
    const nafId = Buffer.concat([Buffer.from(naf.fqdn, 'utf8'), naf.uaId]);
    const input = { ...bootstrap, nafId };
    const key = deriveKsNaf(input);
    comparison.octets(at('nafId'), nafId, naf.nafId);
    comparison.octets(at('s'), ksNafInput(input), naf.s);
    if (bootstrap.mode === 'gba_me') {
      comparison.holds(naf.ksExtNaf === undefined && naf.ksIntNaf === undefined, `${at('ksExtNaf')}: only in gba_u`);
      if (naf.ksNaf === undefined) throw new GbaError('vector-invalid', `${at('ksNaf')}: missing`);
      comparison.octets(at('ksNaf'), key.bytes(), naf.ksNaf);
    } else {
      comparison.holds(naf.ksNaf === undefined, `${at('ksNaf')}: only in gba_me`);
      comparison.octets(at('ksExtNaf'), key.bytes(), naf.ksExtNaf);
      comparison.octets(at('ksIntNaf'), deriveKsIntNaf(input).bytes(), naf.ksIntNaf);
    }
    if (naf.uaDigest === undefined) return;
    const { password, response, ...digest } = naf.uaDigest;
    const known = { username: bootstrap.btid, realm: `3GPP-bootstrapping@${naf.fqdn}` };
    const base64 = key.bytes().toString('base64');
    comparison.text(at('uaDigest.username'), known.username, digest.username);
    comparison.text(at('uaDigest.realm'), known.realm, digest.realm);
    comparison.text(at('uaDigest.password'), base64, password);
    const computed = computeResponse({ ...digest, ...known, password: Buffer.from(base64, 'ascii') });
    comparison.text(at('uaDigest.response'), computed, response);
  });
}
