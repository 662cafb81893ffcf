import { z } from 'zod';
import { codeOf, GbaError, messageOf } from '../../base/index.ts';
import { runAka } from './aka.ts';
import { runChain } from './chain.ts';
import { createComparison } from './comparison.ts';
import { runDigestAka, runHttpDigest } from './digest.ts';
import { read } from './fields.ts';
import { type KindRunner, notSupported } from './kind.ts';
import { runKsNaf } from './ks-naf.ts';
import { runMilenage } from './milenage.ts';

/** One case: `unsupported` counts as failed, with its own word so that nobody takes it for a wrong value. */
export interface Verdict {
  file: string;
  kind: string;
  id: string;
  status: 'pass' | 'fail' | 'unsupported';
  reason?: string;
}

const RUNNERS: ReadonlyMap<string, KindRunner> = new Map([
  ['milenage', runMilenage],
  ['aka', runAka],
  ['ks-naf', runKsNaf],
  ['http-digest', runHttpDigest],
  ['digest-aka', runDigestAka],
  ['gba-chain', runChain],
]);
/** Kinds of the format that this version does not compute. */
const OTHER_KINDS: readonly string[] = ['tuak', 'keccak-f1600', 'gsm-milenage', 'comp128', 'xor-2g', 'ua-ids'];
/** Every kind of format `gba-vectors/1`. */
export const VECTOR_KINDS: readonly string[] = [...RUNNERS.keys(), ...OTHER_KINDS];

const fileSchema = z.strictObject({
  format: z.literal('gba-vectors/1'),
  kind: z.string(),
  title: z.string(),
  source: z.array(z.string()),
  verified: z.string(),
  vectors: z.array(z.unknown()).min(1),
});

/**
 * Every case of one file (its text), in order; with `kinds`, nothing for a file of another kind. A file that is not in
 * the format, a repeated id, an unknown kind, mode or field is a failed case, never a skipped one.
 */
export function runVectorFile(file: string, text: string, kinds?: ReadonlySet<string>): Verdict[] {
  let content: z.infer<typeof fileSchema>;
  try {
    content = read(fileSchema, JSON.parse(text));
  } catch (error) {
    const reason = error instanceof SyntaxError ? 'not JSON' : messageOf(error);
    return [{ file, kind: '?', id: '?', status: 'fail', reason }];
  }
  const { kind, vectors } = content;
  if (kinds !== undefined && !kinds.has(kind)) return [];
  const seen = new Set<string>();
  return vectors.map((vector, index) => {
    const id = idOf(vector, index);
    if (seen.has(id)) return { file, kind, id, status: 'fail', reason: 'the id is there twice' };
    seen.add(id);
    return { file, kind, id, ...runCase(kind, vector) };
  });
}

function runCase(kind: string, vector: unknown): Pick<Verdict, 'status' | 'reason'> {
  const comparison = createComparison();
  try {
    runnerOf(kind)(vector, comparison);
  } catch (error) {
    if (codeOf(error) === 'not-supported') return { status: 'unsupported', reason: messageOf(error) };
    return { status: 'fail', reason: messageOf(error) };
  }
  const { differences } = comparison;
  return differences.length === 0 ? { status: 'pass' } : { status: 'fail', reason: differences.join('; ') };
}

function runnerOf(kind: string): KindRunner {
  const runner = RUNNERS.get(kind);
  if (runner !== undefined) return runner;
  if (OTHER_KINDS.includes(kind)) throw notSupported(`kind ${kind}`);
  throw new GbaError('vector-invalid', `unknown kind ${kind}`);
}

function idOf(vector: unknown, index: number): string {
  const parsed = z.object({ id: z.string() }).safeParse(vector);
  return parsed.success ? parsed.data.id : `#${index + 1}`;
}
