import { GbaError, toHex } from '../base/index.ts';
import type { FunctionDeps } from '../flow/index.ts';
import { UA_TOKEN } from '../gba/index.ts';
import type { PeerConfig } from '../http/index.ts';
import { type BoundToken, decodeClaims, isNarrowed } from '../token/index.ts';
import { type Certificate, spkiSha256 } from '../x509/index.ts';
import type { ChangeEvent } from './change-flow.ts';
import type { M2meConfig } from './config.ts';
import type { Downloads } from './downloads.ts';
import type { Change, ChangePatch, Journal } from './journal.ts';
import type { Links, Operator } from './links.ts';
import type { KnownSerial } from './procedures/accept-bound-token.ts';
import type { ContextInfo, NafKey, Tre } from './tre/index.ts';

/** What every step of the machine works with. */
export interface Machine extends Pick<FunctionDeps, 'clock' | 'random' | 'log' | 'onStep'> {
  config: M2meConfig;
  tre: Tre;
  journal: Journal;
  downloads: Downloads;
  links: Links;
  /** Runs Ub with the subscription in use. */
  bootstrap(): Promise<ContextInfo>;
  /** Is this the signing certificate of the operator whose subscription is in use, valid now? */
  isOldSho(certificate: Certificate): boolean;
  /** Tells the outbox that there is something to send. */
  kickOutbox(): void;
  /** Last refusal of a delivery by serial, for the status; a refusal changes no stored state. */
  refusals: Map<string, string>;
  /** When the old SHO was last asked whether it wants a release back, milliseconds. */
  recallAskedAt: number;
  /** What went wrong since the last poll began. */
  setbacks: number;
  /** When it polls next, milliseconds; undefined while it is at it. */
  nextPollAt: number | undefined;
  /** Steps already shown by this process, so that a repeat of a message is not shown as a step again. */
  shown: Set<string>;
}

export function roOf({ config }: Machine): Operator {
  return operatorOf(config.ro);
}

function operatorOf({ id, peer }: { id: string; peer: PeerConfig }): Operator {
  return { id, url: peer.url };
}

/** One transition, durable when it resolves. */
export async function move(machine: Machine, change: Change, event: ChangeEvent, patch?: ChangePatch): Promise<void> {
  await machine.journal.commit([machine.journal.moveOp(change, event, machine.clock.now(), patch)]);
  machine.log.info('change-moved', { serial: change.serial, event });
}

export function showStep(
  machine: Machine,
  step: number,
  what: string,
  details: { to?: string; serial?: string; keyId?: string } = {},
): void {
  const key = `${step} ${what} ${details.serial ?? ''} ${details.keyId ?? ''}`;
  if (machine.shown.has(key)) return;
  machine.shown.add(key);
  machine.onStep?.({ step, party: machine.config.id, what, ...details });
}

/** The operator whose subscription is in use. Throws `no-subscription`. */
export function currentSho({ tre }: Machine): Operator {
  const identity = tre.identity();
  if (identity === undefined) throw new GbaError('no-subscription', 'the machine has no subscription in use');
  return identity.sho;
}

/** Live bootstraps with their Ks_NAF(token); none without a subscription. */
export async function tokenBootstraps({ tre }: Machine): Promise<NafKey[]> {
  const identity = tre.identity();
  return identity === undefined ? [] : await tre.nafKeys(identity.sho.id, UA_TOKEN);
}

/** SHA-256 of the device key, 32 octets. */
export function deviceKeyOf({ tre }: Machine): Buffer {
  return spkiSha256(tre.device.key);
}

/** What is known of every serial that this machine's owner ever announced. */
export function knownSerials(changes: readonly Change[]): (serial: string) => KnownSerial | undefined {
  const known = new Map(changes.map(({ serial, claimsDer, state }) => [serial, { claimsDer, state }]));
  return (serial) => known.get(serial);
}

/** Judges a bound token by what is pinned for its serial and by the live bootstraps. */
export async function narrowingOf(
  machine: Machine,
  bound: BoundToken,
  digest: Uint8Array,
  known: KnownSerial | undefined,
): Promise<boolean | undefined> {
  const grant = known === undefined ? undefined : await machine.tre.grant(serialText(bound.claims.serial));
  const pinned = grant && known && { grant, claims: decodeClaims(known.claimsDer) };
  const bootstraps = await tokenBootstraps(machine);
  const narrowed = isNarrowed(bound, digest, { pinned, bootstraps, deviceKey: deviceKeyOf(machine) });
  grant?.erase();
  for (const { ksNaf } of bootstraps) ksNaf.erase();
  return narrowed;
}

export function serialOctets(serial: string): Buffer {
  return Buffer.from(serial, 'hex');
}

export function serialText(serial: Uint8Array): string {
  return toHex(serial);
}
