import { codeOf } from '../base/index.ts';
import { parseBtid } from '../gba/index.ts';
import { isPrintable } from './client-hello.ts';

/** Which key a UE means: Ks_(ext)_NAF of the ME, or Ks_int_NAF in the UICC. */
export type UaKeyChoice = 'me' | 'uicc';

/** What a psk_identity of Ua says. */
export interface UaIdentity {
  choice: UaKeyChoice;
  btid: string;
}

/** The static strings of psk_identity_hint and psk_identity (TS 24.109 5.3.3 and annex F). */
const PREFIXES: Readonly<Record<UaKeyChoice, string>> = { uicc: '3GPP-bootstrapping-uicc', me: '3GPP-bootstrapping' };

/** psk_identity_hint: the strings of the keys that this NAF takes, the preferred one first (TS 24.109 5.3.3). */
export function makeHint(choices: readonly UaKeyChoice[]): string {
  return choices.map((choice) => PREFIXES[choice]).join(';');
}

/** Does the NAF say that it takes this key? A hint may come with the realm or in company; blanks around it mean nothing. */
export function hintNames(hint: string, choice: UaKeyChoice): boolean {
  return hint.split(';').some((one) => one.trim() === PREFIXES[choice]);
}

export function makeIdentity({ choice, btid }: UaIdentity): string {
  return `${PREFIXES[choice]};${btid}`;
}

/**
 * B-TID and key of a psk_identity: prefix, `;` (TS 33.222 5.4), or `.` as TS 36.508 table 4.7H-5 prints it, or nothing between,
 * then the B-TID. Undefined for anything else: an identity of somebody else's, or a ticket.
 */
export function parseIdentity(octets: Uint8Array): UaIdentity | undefined {
  if (octets.length > 512 || !isPrintable(octets)) return undefined;
  const text = Buffer.from(octets).toString('latin1');
  const choice: UaKeyChoice = text.startsWith(PREFIXES.uicc) ? 'uicc' : 'me';
  if (!text.startsWith(PREFIXES[choice])) return undefined;
  const btid = text.slice(PREFIXES[choice].length).replace(/^[;.]/, '');
  try {
    parseBtid(btid);
    return { choice, btid };
  } catch (error) {
    if (codeOf(error) !== 'btid-invalid') throw error;
    return undefined;
  }
}
