import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { GbaError } from '../../base/index.ts';
import { runVectorFile, VECTOR_KINDS, type Verdict } from '../vectors/index.ts';

const HELP = `
FILE is in format gba-vectors/1; of a DIR every *.json file is run. One line a case:
  pass | FAIL | n/a, file, kind, id, and what differs. n/a: not supported by this version; it counts as failed.
Kinds: ${VECTOR_KINDS.join(', ')}.
Exit code 0 only when there is at least one case and all pass.

Examples:
  gba vectors vectors/milenage-35.208.json
  gba vectors vectors/ --kind milenage --kind ks-naf --json`;

/** `gba vectors`: recomputes published test vectors with this product's own code. */
export function registerVectors(program: Command): void {
  program
    .command('vectors')
    .description('run test vectors (AKA, keys, digests, whole GBA chains) and compare every value')
    .argument('<path>', 'a vector file, or a folder of them')
    .option('--json', 'one JSON object a case instead of a line, then one with the totals')
    .option('--kind <kind>', 'only cases of this kind (may be given several times)', collect)
    .addHelpText('after', HELP)
    .action((path: string, options: { json?: true; kind?: string[] }) => {
      const kinds = options.kind === undefined ? undefined : new Set(options.kind);
      const verdicts = filesOf(path).flatMap((file) => runVectorFile(basename(file), readVectorFile(file), kinds));
      const totals = { cases: verdicts.length, pass: 0, fail: 0, unsupported: 0 };
      for (const verdict of verdicts) {
        totals[verdict.status] += 1;
        process.stdout.write(`${options.json ? JSON.stringify(verdict) : lineOf(verdict)}\n`);
      }
      const { cases, pass, fail, unsupported } = totals;
      const summary = `${cases} cases: ${pass} passed, ${fail} failed, ${unsupported} not supported`;
      process.stdout.write(`${options.json ? JSON.stringify(totals) : summary}\n`);
      if (cases === 0 || pass !== cases) process.exitCode = 1;
    });
}

const WORD = { pass: 'pass', fail: 'FAIL', unsupported: 'n/a ' } as const;

function lineOf({ status, file, kind, id, reason }: Verdict): string {
  return `${WORD[status]} ${file} ${kind} ${id}${reason === undefined ? '' : `: ${reason}`}`;
}

function collect(kind: string, before: string[] = []): string[] {
  if (!VECTOR_KINDS.includes(kind)) {
    throw new InvalidArgumentError(`Known: ${VECTOR_KINDS.join(', ')}.`);
  }
  return [...before, kind];
}

function filesOf(path: string): string[] {
  const info = statSync(path, { throwIfNoEntry: false });
  if (info === undefined) throw new GbaError('vector-file-missing', `no such file or folder: ${path}`);
  if (!info.isDirectory()) return [path];
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.name.endsWith('.json') && !entry.isDirectory())
    .map((entry) => join(path, entry.name))
    .sort();
}

function readVectorFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new GbaError('input-unreadable', `cannot read ${path}`, { cause });
  }
}
