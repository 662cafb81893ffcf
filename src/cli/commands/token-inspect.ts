import { existsSync, readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { fromBase64, fromHex, GbaError, systemClock } from '../../base/index.ts';
import { type Inspection, inspectToken, type Shown } from '../token-inspection.ts';

const HELP = `
INPUT is a file (DER, base64, hex or PEM), "-" for standard input, or the base64 or hex text itself. A token holds tag0, which
is a key: a file or standard input keeps it out of the shell's history and the list of processes.
Shown are tokens, bound tokens, claims, the messages of steps 9 to 13, returns, and the signed instruction, quote,
validation and package, whose signatures are verified (whether the signer may say so is not: compare spkiSha256). MACs
and tags are not checked: only the two who share the key can. tag0 and r are never printed.

Examples:
  gba token inspect token.der
  gba token inspect --json - < token.der`;

/** `gba token inspect`: a token or message in clear text. */
export function registerToken(program: Command): void {
  program
    .command('token')
    .description('look into authorization tokens and messages of the operator change')
    .command('inspect')
    .description('show what a token, bound token, claims, message or package says')
    .argument('<input>', 'file, "-", base64 or hex')
    .option('--json', 'one JSON object')
    .addHelpText('after', HELP)
    .action(async (input: string, options: { json?: true }) => {
      const inspection = await inspectToken(readInput(input), systemClock.now());
      process.stdout.write(options.json ? `${JSON.stringify(inspection)}\n` : asText(inspection));
    });
}

function readInput(input: string): Buffer {
  const named = input === '-' || existsSync(input);
  const octets = named ? read(input) : Buffer.from(input, 'utf8');
  const der = named && octets[0] === SEQUENCE ? octets : decode(octets.toString('latin1'));
  if (der?.[0] === SEQUENCE) return der;
  // The input itself is not quoted: it may be most of a token.
  const what = named ? 'the input is' : 'no such file, and the text is';
  throw new GbaError('token-input-invalid', `${what} neither DER nor its base64, hex or PEM`);
}

/** Everything here is a SEQUENCE; the hex, base64 or PEM text of one never begins with this octet ("0"). */
const SEQUENCE = 0x30;
const PEM = /^\s*-----BEGIN ([A-Z0-9 ]+)-----([^-]+)-----END \1-----\s*$/;

function decode(text: string): Buffer | undefined {
  const body = (PEM.exec(text)?.[2] ?? text).replace(/\s+/g, '');
  for (const from of [fromHex, fromBase64]) {
    try {
      return from(body);
    } catch {
      // The next form may fit.
    }
  }
  return undefined;
}

function read(input: string): Buffer {
  try {
    return readFileSync(input === '-' ? 0 : input);
  } catch (cause) {
    throw new GbaError('input-unreadable', `cannot read ${input === '-' ? 'standard input' : input}`, { cause });
  }
}

function asText({ kind, fields }: Inspection): string {
  const lines = Object.entries(fields).flatMap(([name, value]) => flatten(name, value));
  const width = Math.max(...lines.map(([name]) => name.length));
  return [kind, ...lines.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`), ''].join('\n');
}

function flatten(name: string, value: Shown): [name: string, value: string][] {
  if (typeof value !== 'object') return [[visible(name), visible(String(value))]];
  return Object.entries(value).flatMap(([member, inner]) => flatten(`${name}.${member}`, inner));
}

/** Characters that a terminal hides or obeys (direction marks, separators) as escapes: what is shown is what stands there. */
function visible(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (one) => `\\u{${one.codePointAt(0)?.toString(16)}}`);
}
