import { readdirSync, readFileSync } from 'node:fs';
import { ATTACKS, NAMES } from '../../src/lab/index.ts';

const TESTS = new URL('../', import.meta.url);

/**
 * Says whether a test file has a test of exactly this name. A name is a literal, or a template whose holes are filled with
 * text that the file holds too (a table of cases stands beside the template), or a name that it takes from `NAMES`; files whose cases come from elsewhere are listed
 * in `COMPUTED` with all their names. A wrapper counts as `test` when it hands its first parameter on as the name.
 */
export interface TestFile {
  has(name: string): boolean;
}

const COMPUTED: Readonly<Record<string, () => readonly string[]>> = {
  'flows/attacks.test.ts': () =>
    ATTACKS.map(({ name, expect }) => `${name}: refused as ${expect}, and nothing has changed`),
};

export function readTestFiles(): ReadonlyMap<string, TestFile> {
  const names = readdirSync(TESTS, { recursive: true }).map((name) => String(name).replaceAll('\\', '/'));
  return new Map(
    names
      .filter((name) => name.endsWith('.test.ts'))
      .map((name) => [name, testFileOf(readFileSync(new URL(name, TESTS), 'utf8'), COMPUTED[name]?.())]),
  );
}

/** `computed`: every name, for a file whose templates alone would not say. */
export function testFileOf(text: string, computed?: readonly string[]): TestFile {
  const found = namesIn(text);
  const taken = Object.entries(NAMES).filter(([name]) => new RegExp(`\\bNAMES\\.${name}\\b`).test(text));
  const source = `${text}\n${taken.map(([, name]) => `'${name}'`).join()}`;
  return {
    has(name) {
      if (computed !== undefined) return computed.includes(name) && found.some((one) => fits(one, name, undefined));
      return found.some((one) => fits(one, name, source));
    },
  };
}

/** A name as the source has it: literal text, with a hole between two parts. */
type Name = readonly string[];

/** The holes are filled with text of the file; of any text when there is no `source`. */
function fits(parts: Name, name: string, source: string | undefined): boolean {
  if (parts.length === 1) return parts[0] === name;
  const pattern = parts.map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('(.+)');
  const filled = new RegExp(`^${pattern}$`, 's').exec(name);
  return filled !== null && (source === undefined || filled.slice(1).every((text) => standsIn(source, text)));
}

/** As a literal, a property name or a number: not as a part of another word. */
function standsIn(source: string, text: string): boolean {
  const quoted = ["'", '"', '`'].some((quote) => source.includes(`${quote}${text}${quote}`));
  if (quoted) return true;
  const bare = new RegExp(String.raw`(?<![\w.-])${text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}(?![\w.-])`);
  return /^(\d+|true|false|[A-Za-z][\w]*)$/.test(text) && bare.test(source);
}

function namesIn(source: string): Name[] {
  const callers = ['test', 'it', ...wrappersIn(source)];
  const call = new RegExp(String.raw`(?<![\w.])(?:${callers.join('|')})\(\s*(['"\x60])`, 'g');
  return [...source.matchAll(call)].map((match) => literalAt(source, match.index + match[0].length, match[1] ?? ''));
}

/** Functions of the file whose first parameter is the name of a test. */
function wrappersIn(source: string): string[] {
  const handed = new Set([...source.matchAll(/(?<![\w.])(?:test|it)\(\s*([a-zA-Z]\w*)\s*,/g)].map(([, name]) => name));
  const functions = source.matchAll(/(?:function (\w+)|const (\w+) = )\(\s*(\w+): string\b/g);
  return [...functions].filter(([, , , first]) => handed.has(first)).map(([, one, other]) => one ?? other ?? '');
}

/** The string or template that begins at `from`, its quote already read. */
function literalAt(source: string, from: number, quote: string): Name {
  const parts: string[] = [''];
  const add = (text: string): void => void parts.push(`${parts.pop() ?? ''}${text}`);
  for (let at = from; at < source.length && source[at] !== quote; at++) {
    if (source[at] === '\\') add(source[++at] ?? '');
    else if (quote === '`' && source.startsWith('${', at)) {
      at = endOfHole(source, at + 2);
      parts.push('');
    } else add(source[at] ?? '');
  }
  return parts;
}

function endOfHole(source: string, from: number): number {
  let depth = 1;
  for (let at = from; at < source.length; at++) {
    if (source[at] === '{') depth++;
    if (source[at] === '}' && --depth === 0) return at;
  }
  return source.length;
}
