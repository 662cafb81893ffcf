import { GbaError } from '../../base/index.ts';

/** Result codes of the base protocol (RFC 6733 7.1). */
export const RESULT = {
  SUCCESS: 2001,
  COMMAND_UNSUPPORTED: 3001,
  UNABLE_TO_DELIVER: 3002,
  REALM_NOT_SERVED: 3003,
  TOO_BUSY: 3004,
  LOOP_DETECTED: 3005,
  APPLICATION_UNSUPPORTED: 3007,
  INVALID_HDR_BITS: 3008,
  INVALID_AVP_BITS: 3009,
  UNKNOWN_PEER: 3010,
  AVP_UNSUPPORTED: 5001,
  AUTHORIZATION_REJECTED: 5003,
  INVALID_AVP_VALUE: 5004,
  MISSING_AVP: 5005,
  CONTRADICTING_AVPS: 5007,
  AVP_NOT_ALLOWED: 5008,
  AVP_OCCURS_TOO_MANY_TIMES: 5009,
  NO_COMMON_APPLICATION: 5010,
  UNSUPPORTED_VERSION: 5011,
  UNABLE_TO_COMPLY: 5012,
  INVALID_AVP_LENGTH: 5014,
  INVALID_MESSAGE_LENGTH: 5015,
} as const;

/**
 * What a peer sent cannot be taken. `code` is `diameter-refused`; `resultCode` goes into the answer, with `failedAvp` (a
 * whole encoded AVP) inside Failed-AVP (RFC 6733 7.5). With `vendorId` it is an Experimental-Result (7.6).
 */
export class DiameterRefusal extends GbaError {
  readonly resultCode: number;
  readonly failedAvp: Buffer | undefined;
  readonly vendorId: number | undefined;

  constructor(
    resultCode: number,
    message: string,
    options: { failedAvp?: Buffer | undefined; vendorId?: number; cause?: unknown } = {},
  ) {
    super('diameter-refused', `${message} (${resultCode})`, { cause: options.cause });
    this.resultCode = resultCode;
    this.failedAvp = options.failedAvp;
    this.vendorId = options.vendorId;
  }
}
