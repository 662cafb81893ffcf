import { GbaError } from '../../base/index.ts';
import { type Avp, decodeAvps, encodeAvps, get, make } from './avp.ts';
import { ACCT_APPLICATION_ID, AUTH_APPLICATION_ID, VENDOR_SPECIFIC_APPLICATION_ID } from './base-avps.ts';
import { checkAvps } from './check.ts';
import { type Command, ERROR_ANSWER_RULES, findCommand, isKnownApplication } from './commands.ts';
import { lookup } from './dictionary.ts';
import { DiameterRefusal, RESULT } from './refusal.ts';

/** A header of RFC 6733 3; reserved flags are not looked at. */
export interface Header {
  code: number;
  application: number;
  request: boolean;
  proxiable: boolean;
  error: boolean;
  /** Possibly sent before: set after a failover only. */
  retransmitted: boolean;
  hopByHop: number;
  endToEnd: number;
}

export interface Message extends Header {
  avps: readonly Avp[];
}

export const HEADER_LENGTH = 20;
const FLAG = { request: 0x80, proxiable: 0x40, error: 0x20, retransmitted: 0x10 } as const;

export function encodeMessage(message: Message): Buffer {
  const body = encodeAvps(message.avps);
  const head = Buffer.alloc(HEADER_LENGTH);
  const length = HEADER_LENGTH + body.length;
  if (length > 0xffffff) throw new GbaError('avp-too-long', 'a message is longer than its length field can say');
  head.writeUInt32BE(length);
  head[0] = 1;
  head.writeUInt32BE(message.code, 4);
  head[4] =
    (message.request ? FLAG.request : 0) |
    (message.proxiable ? FLAG.proxiable : 0) |
    (message.error ? FLAG.error : 0) |
    (message.retransmitted ? FLAG.retransmitted : 0);
  head.writeUInt32BE(message.application, 8);
  head.writeUInt32BE(message.hopByHop, 12);
  head.writeUInt32BE(message.endToEnd, 16);
  return Buffer.concat([head, body]);
}

/** The header of octets that are at least a header long. */
export function decodeHeader(octets: Buffer): Header {
  const flags = octets.readUInt8(4);
  return {
    code: octets.readUIntBE(5, 3),
    application: octets.readUInt32BE(8),
    request: (flags & FLAG.request) !== 0,
    proxiable: (flags & FLAG.proxiable) !== 0,
    error: (flags & FLAG.error) !== 0,
    retransmitted: (flags & FLAG.retransmitted) !== 0,
    hopByHop: octets.readUInt32BE(12),
    endToEnd: octets.readUInt32BE(16),
  };
}

/**
 * A whole message, checked by header and structure only; `checkMessage` judges its contents. Throws `DiameterRefusal`
 * (5011, 5015, and what AVPs of wrong structure give).
 */
export function decodeMessage(octets: Buffer): Message {
  if (octets.length < HEADER_LENGTH) throw new DiameterRefusal(RESULT.INVALID_MESSAGE_LENGTH, 'shorter than a header');
  if (octets.readUInt8() !== 1) throw new DiameterRefusal(RESULT.UNSUPPORTED_VERSION, 'version is not 1');
  const length = octets.readUIntBE(1, 3);
  if (length !== octets.length || length % 4 !== 0) {
    throw new DiameterRefusal(RESULT.INVALID_MESSAGE_LENGTH, 'message length');
  }
  return { ...decodeHeader(octets), avps: decodeAvps(octets.subarray(HEADER_LENGTH), lookup) };
}

/** Checks a decoded message against the grammar of its (application, command). Returns the command. */
export function checkMessage(message: Message): Command {
  if (!isKnownApplication(message.application)) {
    throw new DiameterRefusal(RESULT.APPLICATION_UNSUPPORTED, `application ${message.application} is not known`);
  }
  const command = findCommand(message.application, message.code);
  if (command === undefined) throw new DiameterRefusal(RESULT.COMMAND_UNSUPPORTED, `command ${message.code}`);
  if ((message.request && message.error) || (!message.request && message.retransmitted)) {
    throw new DiameterRefusal(RESULT.INVALID_HDR_BITS, 'flags that exclude each other');
  }
  // An answer with the E bit has it or not (7.2).
  if (message.proxiable !== command.proxiable && !message.error)
    throw new DiameterRefusal(RESULT.INVALID_HDR_BITS, 'P bit');
  const rules = message.error ? ERROR_ANSWER_RULES : message.request ? command.request : command.answer;
  checkAvps(message.avps, rules);
  if (message.request && command.proxiable) checkApplicationId(message);
  return command;
}

/** Exactly one application id, the one of the header (RFC 6733 6.11). Answers of some peers carry another: not looked at. */
function checkApplicationId({ avps, application }: Message): void {
  const inside = get(avps, VENDOR_SPECIFIC_APPLICATION_ID);
  if (inside === undefined) return;
  const fault = (code: number, what: string, member: Avp): DiameterRefusal =>
    new DiameterRefusal(code, `Vendor-Specific-Application-Id ${what}`, {
      failedAvp: encodeAvps([make(VENDOR_SPECIFIC_APPLICATION_ID, [member])]),
    });
  const auth = get(inside, AUTH_APPLICATION_ID);
  const acct = get(inside, ACCT_APPLICATION_ID);
  if (auth === undefined && acct === undefined) {
    throw fault(RESULT.MISSING_AVP, 'without an application', make(AUTH_APPLICATION_ID, 0));
  }
  if (auth !== undefined && acct !== undefined) {
    throw fault(RESULT.AVP_OCCURS_TOO_MANY_TIMES, 'with two applications', make(ACCT_APPLICATION_ID, acct));
  }
  if (auth !== application) {
    const member = auth === undefined ? make(ACCT_APPLICATION_ID, acct ?? 0) : make(AUTH_APPLICATION_ID, auth);
    throw fault(RESULT.INVALID_AVP_VALUE, 'of another application', member);
  }
}
