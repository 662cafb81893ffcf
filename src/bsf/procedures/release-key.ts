import { GbaError, type SecretKey, toHex } from '../../base/index.ts';
import { deriveKsIntNaf, deriveKsNaf, nafId, parseBtid } from '../../gba/index.ts';
import { type BootstrappingInfoResponse, formatUtc } from '../../http/index.ts';
import type { NafPolicy } from '../config.ts';
import type { ContextRecord } from '../records.ts';
import { chooseSettings } from './choose-settings.ts';

/**
 * May a caller with these certificate names have keys of this host (TS 33.220 4.5.3)? Names are compared exactly: another
 * case, a port, a trailing dot or a user part is another name. Returns the policy that allows it; throws
 * `naf-not-allowed`, alike for strangers and for hosts nobody has. Asked before the B-TID is looked at.
 */
export function findNafPolicy(policies: readonly NafPolicy[], names: readonly string[], nafFqdn: string): NafPolicy {
  const policy = policies.find((one) => names.includes(one.client) && one.hosts.includes(nafFqdn));
  if (policy === undefined) throw new GbaError('naf-not-allowed', 'this NAF may not use this NAF_Id');
  return policy;
}

export interface KeyQuery {
  btid: string;
  nafFqdn: string;
  uaId: Uint8Array;
  gbaUAware: boolean;
  gsIds: readonly number[] | undefined;
}

/**
 * The Zn answer for a live context: Ks_(ext)_NAF, for an aware NAF Ks_int_NAF of a GBA_U card too, and the USSs asked for, as
 * policy and settings allow. Throws `naf-not-allowed`.
 */
export function releaseKey(
  query: KeyQuery,
  policy: NafPolicy,
  context: ContextRecord,
  ks: SecretKey,
): BootstrappingInfoResponse {
  const { uss, uiccKey } = chooseSettings(context.uss ?? [], query.gsIds ?? [], policy, {
    gbaU: context.uiccType === 'GBA_U',
    aware: query.gbaUAware,
  });
  const input = {
    ks,
    rand: parseBtid(query.btid).rand,
    impi: context.impi,
    nafId: nafId(query.nafFqdn, query.uaId),
  };
  const ksNaf = deriveKsNaf(input);
  const ksIntNaf = uiccKey ? deriveKsIntNaf(input) : undefined;
  const response: BootstrappingInfoResponse = {
    meKeyMaterial: toHex(ksNaf.bytes()),
    ...(ksIntNaf !== undefined && { uiccKeyMaterial: toHex(ksIntNaf.bytes()) }),
    keyExpiryTime: formatUtc(context.keyExpiry),
    bootstrappingInfoCreationTime: formatUtc(context.createdAt),
    ...(uss.length > 0 && { ussList: uss.map((one) => ({ uss: one })) }),
    gbaType: '3G_GBA',
    ...(policy.impi && { impi: context.impi }),
  };
  ksNaf.erase();
  ksIntNaf?.erase();
  return response;
}
