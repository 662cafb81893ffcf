import { InvalidArgumentError, Option } from 'commander';

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
