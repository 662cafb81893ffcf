import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { GbaError } from '../../base/index.ts';
import { deriveChain } from '../derive.ts';

const HELP = `
Input, octets in hex; op or opc; mode gba_me (default) or gba_u; algorithm milenage (default) or xor:
  {"k": "465b...", "op": "cdc2...", "rand": "2355...", "sqn": "ff9bb4d0b607", "amf": "b9b9",
   "impi": "user@ims.mnc001.mcc001.3gppnetwork.org", "bsf": "bsf.sho-a.test",
   "nafs": [{"fqdn": "naf.sho-a.test", "uaId": "0100000002"}]}
Output: opc, autn, xres, ck, ik, nonce, ks, btid, tmpi, and for each NAF nafId, ksNaf and password (its base64, the
Digest password on Ua); in gba_u also autnStar, ubRes, ksExtNaf and ksIntNaf. The output holds keys: it is for
laboratories and for comparing with other implementations.

Examples:
  gba derive subscriber.json
  gba derive < subscriber.json`;

/** `gba derive`: AKA and GBA values from K to Ks_NAF, JSON in and out. */
export function registerDerive(program: Command): void {
  program
    .command('derive')
    .description('derive AKA and GBA values from K to Ks_NAF (JSON in, JSON out)')
    .argument('[file]', 'JSON input; standard input when absent or "-"')
    .option('--json', 'on one line')
    .addHelpText('after', HELP)
    .action((file: string | undefined, options: { json?: true }) => {
      const derived = deriveChain(parse(readInput(file)));
      process.stdout.write(`${JSON.stringify(derived, null, options.json ? 0 : 2)}\n`);
    });
}

function readInput(file: string | undefined): string {
  try {
    return readFileSync(file === undefined || file === '-' ? 0 : file, 'utf8');
  } catch (cause) {
    throw new GbaError('input-unreadable', `cannot read ${file ?? 'standard input'}`, { cause });
  }
}

/** The parser's own message may quote the input, and the input holds K: it is left out. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new GbaError('derive-input-invalid', 'the input is not JSON');
  }
}
