import { codeOf, messageOf } from '../base/index.ts';

/** Ends the command: one line on standard error, exit code 1. */
export function fail(error: unknown): never {
  process.stderr.write(`gba: ${codeOf(error)}: ${messageOf(error)}\n`);
  process.exit(1);
}
