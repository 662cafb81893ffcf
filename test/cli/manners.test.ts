import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { stringify } from 'yaml';
import { EXAMPLE_SCENARIO } from '../support/lab.ts';
import { freeBasePort } from '../support/ports.ts';
import { VECTORS } from '../support/vectors.ts';
import { gba, run } from './process.ts';

const dir = mkdtempSync(join(tmpdir(), 'gba-manners-'));
after(() => rmSync(dir, { recursive: true, force: true }));

async function labArgs(name: string): Promise<string[]> {
  const file = join(dir, `${name}.yaml`);
  writeFileSync(file, stringify({ ...EXAMPLE_SCENARIO, basePort: await freeBasePort(32) }));
  return ['lab', '--dir', join(dir, name), '--file', file, '--timeout', '30'];
}

test('usage errors are one line on standard error, exit code 2, with --json one object', async () => {
  const wrong = [
    ['nosuch'],
    ['bsf'],
    ['m2me'],
    ['vectors'],
    ['lab', '--timeout', 'soon'],
    ['lab', '--timeout', '0'],
    ['lab', '--log-level', 'loud'],
    ['lab', '--attack', 'nosuch'],
    ['doctor', 'nosuch', '--config', 'x'],
    ['vectors', 'x', '--kind', 'nosuch'],
    ['m2me', 'bootstrap', '--ua-id', 'xx', '--naf', 'a'],
    [
      'owner',
      'instruct',
      '--number',
      'x',
      '--cert',
      'x',
      '--key',
      'x',
      '--ca',
      'x',
      '--machine-url',
      'x',
      '--token',
      'x',
    ],
  ];
  await Promise.all(
    wrong.map(async (args) => {
      const { code, out, err } = await gba(args);
      assert.deepEqual([code, out, err.trimEnd().split('\n').length], [2, '', 1], `${args.join(' ')}: ${err}`);
    }),
  );
  const { code, out, err } = await gba(['vectors', '--json', '--bogus']);
  assert.deepEqual([code, out], [2, '']);
  assert.deepEqual(JSON.parse(err), { error: 'usage', message: "unknown option '--bogus'" });
});

test('a refusal with --json is one object on standard error and nothing on standard output', async () => {
  for (const args of [
    ['vectors', '/nonexistent', '--json'],
    ['derive', '/nonexistent', '--json'],
    ['token', 'inspect', 'zz', '--json'],
    ['m2me', 'bootstrap', '--url', 'http://127.0.0.1:1', '--json'],
    ['hss', '--config', '/nonexistent', '--json'],
  ]) {
    const { code, out, err } = await gba(args);
    assert.deepEqual([code, out], [1, ''], args.join(' '));
    const { error, message } = JSON.parse(err) as { error: string; message: string };
    assert.match(error, /^[a-z0-9-]+$/);
    assert.notEqual(error, 'internal');
    assert.notEqual(message, '');
  }
});

test('--version says which release this is', async () => {
  const { code, out } = await gba(['--version']);
  assert.equal(code, 0);
  assert.match(out, /^\d+\.\d+\.\d+\n$/);
});

test('a reader that goes away ends the command quietly', async () => {
  const line = `${process.execPath} --import tsx src/cli/main.ts vectors ${VECTORS} | head -n 1`;
  const { out, err } = await run('sh', ['-c', line]);
  assert.match(out, /^pass /);
  assert.equal(err, '');
});

test('Ctrl-C, also when it arrives twice, ends a lab with 0; a second lab in its folder is refused meanwhile', async () => {
  const args = await labArgs('twice');
  let second: ReturnType<typeof gba> | undefined;
  const first = await gba(args, {
    text: 'Ctrl-C stops them',
    when: (child) => {
      second = gba(args);
      void second.then(() => {
        child.kill('SIGINT');
        child.kill('SIGINT');
      });
    },
  });
  assert.ok(second !== undefined);
  const refused = await second;
  assert.deepEqual([refused.code, refused.out], [1, '']);
  assert.match(refused.err, /^gba: lab-running: /);
  assert.deepEqual([first.code, first.signal, first.err], [0, null, ''], first.out);
  const again = await gba([...args, '--once']);
  assert.equal(again.code, 0, again.err);
  assert.match(again.out, /starting afresh/);
});

test('Ctrl-C during a change says how to go on, and the next start does', async () => {
  const args = await labArgs('during');
  const first = await gba(args, { text: '\n 4 ', when: (child) => child.kill('SIGINT') });
  assert.equal(first.code, 130, first.err);
  assert.match(first.out, /goes on at the next start/);
  const again = await gba([...args, '--once']);
  assert.equal(again.code, 0, again.err);
  assert.match(again.out, /an unfinished change goes on/);
});

test('a port that something else uses is named with what to do', async () => {
  const args = await labArgs('ports');
  const other = [...args];
  other[2] = join(dir, 'other');
  let second: ReturnType<typeof gba> | undefined;
  await gba(args, {
    text: 'Ctrl-C stops them',
    when: (child) => {
      second = gba(other);
      void second.then(() => child.kill('SIGTERM'));
    },
  });
  const { code, err } = (await second) ?? assert.fail();
  assert.equal(code, 1);
  assert.match(err, /^gba: listen-failed: cannot listen on 127\.0\.0\.1:\d+: another lab .*basePort/);
});
