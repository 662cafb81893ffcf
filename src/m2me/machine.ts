import { GbaError, toHex } from '../base/index.ts';
import type { FunctionDeps } from '../flow/index.ts';
import { UA_TOKEN } from '../gba/index.ts';
import type { PeerConfig } from '../http/index.ts';
import type { ChangeEvent } from './change-flow.ts';
import type { M2meConfig } from './config.ts';
import type { Change, ChangePatch, Journal } from './journal.ts';
import type { Links, Operator } from './links.ts';
import type { KnownSerial, TokenBootstrap } from './procedures/accept-bound-token.ts';
import type { ContextInfo, Tre } from './tre/index.ts';

/** What every step of the machine works with. */
export interface Machine extends Pick<FunctionDeps, 'clock' | 'random' | 'log' | 'onStep'> {
  config: M2meConfig;
  tre: Tre;
  journal: Journal;
  links: Links;
  /** Runs Ub with the subscription in use. */
  bootstrap(): Promise<ContextInfo>;
  /** Tells the outbox that there is something to send. */
  kickOutbox(): void;
  /** Last refusal of a delivery by serial, for the status; a refusal changes no stored state. */
  refusals: Map<string, string>;
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
  const key = `${step} ${details.serial ?? ''} ${details.keyId ?? ''}`;
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
export async function tokenBootstraps({ tre }: Machine): Promise<TokenBootstrap[]> {
  const identity = tre.identity();
  return identity === undefined ? [] : await tre.nafKeys(identity.sho.id, UA_TOKEN);
}

/** What is known of every serial that this machine's owner ever announced. */
export async function knownSerials(
  { tre }: Machine,
  changes: readonly Change[],
): Promise<(serial: string) => KnownSerial | undefined> {
  const known = new Map<string, KnownSerial>();
  for (const { serial, claimsDer, state } of changes) {
    const keys = await tre.pins.tokenKeys(serial);
    known.set(serial, { claimsDer, state, ...(keys === undefined ? {} : { install: keys.install }) });
  }
  return (serial) => known.get(serial);
}

export function serialOctets(serial: string): Buffer {
  return Buffer.from(serial, 'hex');
}

export function serialText(serial: Uint8Array): string {
  return toHex(serial);
}
