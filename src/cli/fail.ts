import { codeOf, messageOf } from '../base/index.ts';

/** Ends the command: one line on standard error (one JSON object with --json), exit code 1. */
export function fail(error: unknown): never {
  complain(codeOf(error), messageOf(error));
  process.exit(1);
}

/** Wrong usage: as `fail`, exit code 2. */
export function failUsage(message: string): never {
  complain('usage', message);
  process.exit(2);
}

function complain(code: string, text: string): void {
  const message = text.trim().replace(/\s*\n\s*/g, ' ');
  const json = process.argv.includes('--json');
  process.stderr.write(`${json ? JSON.stringify({ error: code, message }) : `gba: ${code}: ${message}`}\n`);
}
