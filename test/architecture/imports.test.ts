import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { test } from 'node:test';

const ROOT = join(import.meta.dirname, '../..');
const SRC = join(ROOT, 'src');

const PURE = ['base', 'aka', 'gba', 'token', 'x509', 'mcim', 'digest', 'diameter', 'tls', 'http', 'store', 'flow'];
/** Who may import whom: the table of the house (docs/architecture.md). */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  base: [],
  aka: ['base'],
  gba: ['base', 'aka'],
  x509: ['base'],
  token: ['base', 'gba', 'x509'],
  mcim: ['base', 'aka', 'x509'],
  digest: ['base'],
  diameter: ['base', 'aka', 'gba'],
  tls: ['base', 'gba'],
  http: ['base', 'digest', 'gba', 'tls'],
  store: ['base'],
  flow: ['base', 'http', 'store'],
  owner: ['base', 'http', 'token', 'x509', 'store', 'flow'],
  hss: PURE,
  bsf: PURE,
  naf: PURE,
  pva: PURE,
  m2me: PURE,
  sho: [...PURE, 'naf'],
  ro: [...PURE, 'naf'],
  pki: [...PURE, 'naf'],
  lab: [...PURE, 'hss', 'bsf', 'naf', 'sho', 'ro', 'pva', 'pki', 'm2me', 'owner'],
  cli: [...PURE, 'hss', 'bsf', 'naf', 'sho', 'ro', 'pva', 'pki', 'm2me', 'owner', 'lab'],
};
/** Packages that only one folder may use. */
const ONLY_IN: Readonly<Record<string, readonly string[]>> = {
  pkijs: ['x509'],
  asn1js: ['x509'],
  '@peculiar/webcrypto': ['x509'],
  lmdb: ['store'],
  pg: ['store'],
  commander: ['cli'],
};

const files = readdirSync(SRC, { recursive: true })
  .map(String)
  .filter((name) => name.endsWith('.ts'));

function importsOf(file: string): string[] {
  const text = readFileSync(join(SRC, file), 'utf8');
  const found = [...text.matchAll(/(?:^|\n)\s*(?:import|export)\b[^'"`;]*?\bfrom\s+'([^']+)'/g)].map((m) => m[1] ?? '');
  const bare = [...text.matchAll(/(?:^|\n)import\s+'([^']+)'/g)].map((m) => m[1] ?? '');
  const dynamic = [...text.matchAll(/\bimport\(\s*'([^']+)'\s*\)/g)].map((m) => m[1] ?? '');
  return [...found, ...bare, ...dynamic];
}

const folderOf = (file: string): string => file.split('/')[0] ?? '';
const targetOf = (file: string, specifier: string): string =>
  relative(SRC, normalize(join(SRC, dirname(file), specifier)));

test('every folder of src is in the import table', () => {
  const folders = new Set(files.map(folderOf));
  assert.deepEqual(
    [...folders].filter((folder) => !(folder in MAY_IMPORT)),
    [],
  );
});

test('no folder imports a folder that the table forbids', () => {
  const broken = files.flatMap((file) =>
    importsOf(file)
      .filter((specifier) => specifier.startsWith('.'))
      .map((specifier) => targetOf(file, specifier))
      .filter(
        (target) => folderOf(target) !== folderOf(file) && !MAY_IMPORT[folderOf(file)]?.includes(folderOf(target)),
      )
      .map((target) => `${file} -> ${target}`),
  );
  assert.deepEqual(broken, []);
});

test("a folder's index.ts is the only way in from other folders", () => {
  const broken = files.flatMap((file) =>
    importsOf(file)
      .filter((specifier) => specifier.startsWith('.'))
      .map((specifier) => targetOf(file, specifier))
      .filter((target) => folderOf(target) !== folderOf(file) && target !== `${folderOf(target)}/index.ts`)
      .map((target) => `${file} -> ${target}`),
  );
  assert.deepEqual(broken, []);
});

test('packages that one folder owns are used nowhere else', () => {
  const broken = files.flatMap((file) =>
    importsOf(file)
      .filter((specifier) => ONLY_IN[specifier] !== undefined && !ONLY_IN[specifier]?.includes(folderOf(file)))
      .map((specifier) => `${file} -> ${specifier}`),
  );
  assert.deepEqual(broken, []);
});

test('there is no file cycle', () => {
  const graph = new Map(
    files.map((file) => [
      file,
      importsOf(file)
        .filter((s) => s.startsWith('.'))
        .map((s) => targetOf(file, s)),
    ]),
  );
  const state = new Map<string, 'open' | 'done'>();
  const cycles: string[] = [];
  const visit = (file: string, path: readonly string[]): void => {
    if (state.get(file) === 'done') return;
    if (state.get(file) === 'open') {
      cycles.push([...path.slice(path.indexOf(file)), file].join(' -> '));
      return;
    }
    state.set(file, 'open');
    for (const next of graph.get(file) ?? []) visit(next, [...path, file]);
    state.set(file, 'done');
  };
  for (const file of files) visit(file, []);
  assert.deepEqual(cycles, []);
});

test('no file is over 400 lines', () => {
  const long = files.filter((file) => readFileSync(join(SRC, file), 'utf8').split('\n').length > 401);
  assert.deepEqual(long, []);
});

test('clock and randomness come in from outside', () => {
  const direct = files.filter(
    (file) =>
      folderOf(file) !== 'base' &&
      /\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(|\brandomBytes\(/.test(readFileSync(join(SRC, file), 'utf8')),
  );
  assert.deepEqual(direct, []);
});

test('refusals are typed: no plain Error is thrown in src', () => {
  const plain = files.filter((file) => /throw new Error\(/.test(readFileSync(join(SRC, file), 'utf8')));
  assert.deepEqual(plain, []);
});
