import { InvalidArgumentError, Option } from 'commander';
import { proxySchema } from '../naf/index.ts';
import { isLocalUrl } from '../owner/index.ts';

/** `--log-level`, the same everywhere. */
export const logLevelOption = (level: string): Option =>
  new Option('--log-level <level>', 'least weight of what is logged').choices(['info', 'warn', 'error']).default(level);

/** A positive number of seconds, in milliseconds. */
export function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || seconds <= 0 || seconds > 86_400) {
    throw new InvalidArgumentError('Expected seconds, more than 0, at most 86400.');
  }
  return seconds * 1000;
}

/** A moment, ISO 8601 with its zone, in milliseconds since 1970. */
export function parseMoment(text: string): number {
  const moment = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/.test(text)
    ? Date.parse(text)
    : Number.NaN;
  if (Number.isNaN(moment)) throw new InvalidArgumentError('Expected a time like 2027-01-31T12:00:00Z.');
  return moment;
}

export function parseWholeNumber(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) throw new InvalidArgumentError('Expected a whole number.');
  return value;
}

/** How many at once. */
export function parseCount(text: string): number {
  const count = parseWholeNumber(text);
  if (count < 1 || count > 10_000) throw new InvalidArgumentError('Expected a number from 1 to 10000.');
  return count;
}

/** Lower-case hex of `octets` octets. */
export const parseHex =
  (octets: number) =>
  (text: string): string => {
    if (!new RegExp(`^[0-9a-fA-F]{${octets * 2}}$`).test(text)) {
      throw new InvalidArgumentError(`Expected ${octets} octets in hexadecimal.`);
    }
    return text.toLowerCase();
  };

/** The server behind an authentication proxy. */
export function parseUpstream(text: string): string {
  const { success } = proxySchema.shape.upstream.safeParse(text);
  if (!success) throw new InvalidArgumentError('Expected an http or https address without user, query and fragment.');
  return text;
}

export function parseUrl(text: string): string {
  if (!isLocalUrl(text)) throw new InvalidArgumentError('Expected http://host:port.');
  return text;
}
