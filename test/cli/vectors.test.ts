import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Command } from 'commander';
import { registerVectors } from '../../src/cli/commands/vectors.ts';
import { runVectorFile, type Verdict } from '../../src/cli/vectors/index.ts';
import { VECTORS } from '../support/vectors.ts';

type Json = { [key: string]: Json | undefined } | Json[] | string | number | boolean | null;

const textOf = (name: string): string => readFileSync(join(VECTORS, `${name}.json`), 'utf8');
const chains = JSON.parse(textOf('gba-chains')) as { vectors: { id: string }[] };
const chain = (id: string): Json => structuredClone(chains.vectors.find((one) => one.id === id)) as unknown as Json;
const fileOf = (kind: string, vectors: Json[], more: Record<string, Json> = {}): string =>
  JSON.stringify({ format: 'gba-vectors/1', kind, title: 't', source: [], verified: 'v', vectors, ...more });
const only = (text: string): Verdict => {
  const verdicts = runVectorFile('f.json', text);
  assert.equal(verdicts.length, 1);
  return verdicts[0] as Verdict;
};

/** Every path to a value inside a case. */
function paths(value: Json | undefined, at: (string | number)[] = []): (string | number)[][] {
  if (Array.isArray(value)) return value.flatMap((one, i) => paths(one, [...at, i]));
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value).flatMap(([key, one]) => paths(one, [...at, key]));
  }
  return [at];
}

function changed(value: Json | undefined, path: readonly (string | number)[], change: (leaf: Json) => Json): Json {
  const [head, ...rest] = path;
  if (head === undefined) return change(value ?? null);
  if (Array.isArray(value)) return value.map((one, i) => (i === head ? changed(one, rest, change) : one));
  assert.ok(typeof value === 'object' && value !== null);
  return { ...value, [head]: changed(value[String(head)], rest, change) };
}

/** Another value of the same form: one character more or less in its alphabet. */
function other(leaf: Json): Json {
  if (typeof leaf === 'number') return leaf + 1;
  assert.ok(typeof leaf === 'string');
  const last = leaf.at(-1);
  if (last === undefined) return '00';
  if (last === '=') return `${leaf.startsWith('A') ? 'B' : 'A'}${leaf.slice(1)}`;
  return `${leaf.slice(0, -1)}${last === '0' ? '1' : '0'}`;
}

test('a file that is not in the format is one failed case', () => {
  const bad = [
    '',
    '{',
    '[]',
    fileOf('aka', []),
    fileOf('milenage', [{}], { format: 'gba-vectors/2' }),
    fileOf('milenage', [{}], { extra: 1 }),
  ];
  for (const text of bad) assert.equal(only(text).status, 'fail', text);
});

test('an unknown kind, mode, algorithm or field, and a repeated id, fail and are never skipped', () => {
  assert.equal(only(fileOf('milenage2', [{ id: 'a' }])).reason, 'unknown kind milenage2');
  assert.equal(only(fileOf('tuak', [{ id: 'a' }])).status, 'unsupported');
  assert.equal(only(fileOf('ua-ids', [{ id: 'a' }])).reason, 'not supported: kind ua-ids');
  const one = chain('chain-001');
  assert.equal(only(fileOf('gba-chain', [changed(one, ['mode'], () => 'gba_x')])).status, 'fail');
  assert.equal(only(fileOf('gba-chain', [changed(one, ['mode'], () => '2g')])).status, 'unsupported');
  assert.notEqual(only(fileOf('gba-chain', [changed(one, ['subscriber', 'algorithm'], () => 'x')])).status, 'pass');
  for (const path of [['more'], ['expect', 'more'], ['usim', 'more'], ['expect', 'nafs', 0, 'more']]) {
    assert.equal(only(fileOf('gba-chain', [changed(one, path, () => '00')])).status, 'fail', path.join('.'));
  }
  const twice = runVectorFile('f.json', fileOf('gba-chain', [one, one]));
  assert.deepEqual(
    twice.map(({ status }) => status),
    ['pass', 'fail'],
  );
});

test('an algorithm that this version lacks is not supported, whatever fields it has, not a wrong value', () => {
  const tuak = { algorithm: 'tuak', akaAlgorithm: 'tuak', k: '00'.repeat(32), topc: '00'.repeat(32), macBits: 64 };
  for (const kind of ['aka', 'digest-aka']) {
    const verdict = only(fileOf(kind, [{ id: 'a', in: tuak, out: { xres: '00' } }]));
    assert.deepEqual([verdict.status, verdict.reason], ['unsupported', 'not supported: algorithm tuak'], kind);
  }
});

test('a card that is not described is a fresh one', () => {
  const { usim: _usim, ...bare } = chain('chain-001') as { [key: string]: Json };
  assert.equal(only(fileOf('gba-chain', [bare])).status, 'pass');
});

test('every value that a refused run or its retry gives counts too', () => {
  const whole = chain('chain-013');
  const { ck, ik } = (whole as { expect: { ck: string; ik: string } }).expect;
  const more = changed(whole, ['expect', 'ks'], () => `${ck}${ik}`);
  assert.equal(only(fileOf('gba-chain', [more])).status, 'pass');
  for (const field of ['ks', 'btid', 'tmpi']) {
    const wrong = changed(whole, ['expect', field], () => (field === 'ks' ? '00'.repeat(32) : 'x@y'));
    assert.match(only(fileOf('gba-chain', [wrong])).reason ?? '', new RegExp(`^${field}: expected`));
  }
  const digest = (chain('chain-001') as { expect: { digest: Json } }).expect.digest;
  const verdict = only(fileOf('gba-chain', [changed(whole, ['expect', 'retry', 'digest'], () => digest)]));
  assert.match(verdict.reason ?? '', /retry\.digest\.response: expected/);
});

for (const id of ['chain-001', 'chain-006', 'chain-010', 'chain-011', 'chain-013', 'chain-014']) {
  test(`every expected value of ${id} counts: with any one of them changed the case fails`, () => {
    const whole = chain(id);
    assert.equal(only(fileOf('gba-chain', [whole])).status, 'pass');
    for (const path of paths(whole).filter(([head]) => head === 'expect')) {
      const text = fileOf('gba-chain', [changed(whole, path, other)]);
      assert.notEqual(only(text).status, 'pass', path.join('.'));
    }
  });
}

test('a chain that should be refused does not pass when the card accepts, and the other way round', () => {
  const refused = chain('chain-013');
  const roomy = changed(refused, ['usim', 'seqs'], () => ({}));
  assert.equal(only(fileOf('gba-chain', [roomy])).status, 'fail');
  const accepted = changed(chain('chain-015'), ['usim', 'delta'], () => 1);
  assert.equal(only(fileOf('gba-chain', [accepted])).status, 'fail');
});

for (const name of readdirSync(VECTORS).filter((file) => file.endsWith('.json'))) {
  test(`${name}: all pass, apart from what is named as not supported`, () => {
    const verdicts = runVectorFile(name, textOf(name.replace('.json', '')));
    assert.deepEqual(
      verdicts.filter(({ status }) => status === 'fail'),
      [],
    );
    const missing = verdicts.filter(({ status }) => status === 'unsupported').map(({ id }) => id);
    const expected = ['chain-008', 'chain-009', 'chain-018', 'chain-019', 'chain-020'];
    assert.deepEqual(missing, name === 'gba-chains.json' ? expected : []);
  });
}

async function run(...args: string[]): Promise<{ out: string; code: number }> {
  const program = new Command('gba').exitOverride();
  registerVectors(program);
  const lines: string[] = [];
  const write = process.stdout.write;
  process.stdout.write = ((chunk: string) => lines.push(chunk) > 0) as typeof process.stdout.write;
  const before = process.exitCode;
  process.exitCode = 0;
  try {
    await program.parseAsync(['vectors', ...args], { from: 'user' });
    return { out: lines.join(''), code: Number(process.exitCode) };
  } finally {
    process.stdout.write = write;
    process.exitCode = before;
  }
}

test('gba vectors: exit code 0 only when all pass; a folder is every file in it', async () => {
  assert.equal((await run(join(VECTORS, 'milenage-35.208.json'))).code, 0);
  const all = await run(VECTORS);
  assert.equal(all.code, 1);
  assert.match(all.out, /^n\/a {2}gba-chains\.json gba-chain chain-008: not supported: algorithm tuak$/m);
  assert.match(all.out, /^\d+ cases: \d+ passed, 0 failed, 5 not supported\n$/m);
  const some = await run(VECTORS, '--kind', 'milenage', '--kind', 'aka', '--json');
  assert.equal(some.code, 0);
  const lines = some.out.trimEnd().split('\n');
  assert.deepEqual(JSON.parse(lines.at(-1) ?? ''), { cases: 34, pass: 34, fail: 0, unsupported: 0 });
});

test('gba vectors: nothing to run is a failure, an unknown --kind or a missing file a refusal', async () => {
  const empty = mkdtempSync(join(tmpdir(), 'gba-vectors-'));
  assert.equal((await run(empty)).code, 1);
  writeFileSync(join(empty, 'x.json'), fileOf('milenage', [{ id: 'a' }]));
  assert.equal((await run(empty, '--kind', 'aka')).code, 1);
  await assert.rejects(run(empty, '--kind', 'nonsense'), { code: 'commander.invalidArgument' });
  await assert.rejects(run(join(empty, 'y.json')), { code: 'vector-file-missing' });
});
