import { GbaError } from '../base/index.ts';
import {
  type Avp,
  DESTINATION_HOST,
  DESTINATION_REALM,
  type Message,
  make,
  originOf,
  RESULT,
  resultOf,
  SESSION_ID,
} from './codec/index.ts';
import { applicationAvp, type DiameterNode, type DiameterRoute } from './peer/index.ts';

/** What every request of ours begins with: a new session, the application, where from and where to. */
export function requestHead(node: DiameterNode, application: number, route: DiameterRoute): Avp[] {
  return [
    make(SESSION_ID, node.newSessionId()),
    applicationAvp(application),
    ...originOf(node),
    make(DESTINATION_REALM, route.realm),
    ...(route.host === undefined ? [] : [make(DESTINATION_HOST, route.host)]),
  ];
}

const RETRYABLE: ReadonlySet<number> = new Set([RESULT.UNABLE_TO_DELIVER, RESULT.TOO_BUSY, RESULT.UNABLE_TO_COMPLY]);

/**
 * The refusal that an answer without success stands for. `known` names codes of the interface as `vendor/code`; the carrier
 * counts, for 5001 of the base protocol and of 3GPP are different things.
 */
export function refusalIn(answer: Message, known: Readonly<Record<string, string>>): GbaError {
  const result = resultOf(answer);
  if (result === undefined) return new GbaError('peer-refused', 'the Diameter peer gave no result, or two');
  const { vendorId, code } = result;
  const meaning = known[`${vendorId}/${code}`];
  if (meaning !== undefined) return new GbaError(meaning, `the Diameter peer answered ${code}`);
  // 4xxx: the same may work later (RFC 6733 7.1.4).
  if (vendorId === 0 && (RETRYABLE.has(code) || (code >= 4000 && code < 5000))) {
    return new GbaError('peer-unreachable', `the Diameter peer answered ${code}`, { retryable: true });
  }
  return new GbaError('peer-refused', `the Diameter peer answered ${code} of vendor ${vendorId}`);
}
