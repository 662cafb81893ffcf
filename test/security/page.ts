import type { TestFile } from './test-names.ts';

/** docs/security.md, as far as machines read it: rows by their id. */
export interface Page {
  invariants: Map<string, string>;
  threats: Map<string, { threat: string; answered: string }>;
  tests: { id: string; file: string; name: string }[];
  /** Ids that stand in two rows of one kind. */
  doubled: string[];
}

const ID = /^(?:I\d|\d\.\d\d)$/;

export function readPage(text: string): Page {
  const page: Page = { invariants: new Map(), threats: new Map(), tests: [], doubled: [] };
  let kind = '';
  for (const line of text.split('\n')) {
    if (!line.startsWith('| ')) kind = '';
    const [first = '', second = '', third = ''] = cellsOf(line);
    if (first === 'id') kind = third;
    if (!ID.test(first)) continue;
    if (kind === 'test') {
      page.tests.push({ id: first, file: second, name: third });
    } else {
      if (page.invariants.has(first) || page.threats.has(first)) page.doubled.push(first);
      if (kind === 'held by') page.invariants.set(first, second);
      else page.threats.set(first, { threat: second, answered: third });
    }
  }
  return page;
}

const cellsOf = (line: string): string[] =>
  line
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.trim().replaceAll('\\|', '|'));

/** What a row without a test says, and which rows may. */
const UNTESTED: Readonly<Record<string, readonly string[]>> = {
  'Not in this release: ': ['2.18', '2.20', '3.16'],
  'Accepted: ': ['2.06'],
};
const INVARIANTS = ['I1', 'I2', 'I3', 'I4', 'I5', 'I6', 'I7', 'I8'];

/** Everything that is wrong with the page. */
export function complaintsAbout(page: Page, files: ReadonlyMap<string, TestFile>): string[] {
  const covered = new Set(page.tests.map(({ id }) => id));
  const complaints = page.doubled.map((id) => `${id} stands twice`);
  for (const id of INVARIANTS) if (!page.invariants.has(id)) complaints.push(`invariant ${id} is missing`);
  for (const id of page.invariants.keys()) if (!covered.has(id)) complaints.push(`invariant ${id} has no test`);
  for (const [id, { answered }] of page.threats) {
    const form = Object.keys(UNTESTED).find((one) => answered.startsWith(one));
    if (answered === '') complaints.push(`${id} has no answer`);
    if (form === undefined && !covered.has(id)) complaints.push(`${id} has no test`);
    if (form !== undefined && UNTESTED[form]?.includes(id) !== true)
      complaints.push(`${id} may not say "${form.trim()}"`);
    if (form !== undefined && covered.has(id)) complaints.push(`${id} has a test and says that it has none`);
  }
  for (const { id, file, name } of page.tests) {
    if (!page.invariants.has(id) && !page.threats.has(id)) complaints.push(`${id} is no row`);
    if (files.get(file)?.has(name) !== true) complaints.push(`${id}: ${file} has no test "${name}"`);
  }
  return complaints;
}

/** The rows of the threat analysis, by their place in it, without sources and marks. */
export function readAnalysis(text: string): Map<string, string> {
  const rows = new Map<string, string>();
  let section = 0;
  let row = 0;
  for (const line of text.split('\n')) {
    if (line.startsWith('## ')) {
      section = Number(/^## (\d)/.exec(line)?.[1] ?? 0);
      row = 0;
    }
    const [first = ''] = cellsOf(line);
    if (section === 0 || !line.startsWith('| ') || first === 'threat' || first.startsWith('---')) continue;
    rows.set(`${section}.${String(++row).padStart(2, '0')}`, first);
  }
  return rows;
}

/** Two wordings of one threat: sources in brackets, marks and code quotes do not count. */
export const plain = (threat: string): string =>
  threat
    .replace(/\[[^\]]*\]|\((?:T|M)\)|`/g, ' ')
    .replace(/\s+([,.;:])/g, '$1')
    .replace(/\s+/g, ' ')
    .trim();
