import { GbaError } from '../base/index.ts';
import { type CsvComplaint, type CsvLine, parseCsv } from './csv.ts';
import { VARIANTS, type Variant } from './operator-client.ts';

/** One machine of a fleet; what is left out is as the configuration says. */
export interface FleetRow {
  m2meId: string;
  /** Its local interface. */
  url: string;
  variant?: Variant;
  bothPresent?: boolean;
}

const COLUMNS = ['machine', 'url', 'variant', 'both-present'];
const REQUIRED = ['machine', 'url'];
/** More machines than this are more than one file's worth. */
const MOST_ROWS = 100_000;
/** Complaints shown at once. */
const SHOWN = 10;

/**
 * A fleet file: CSV with a header line that names the columns `machine`, `url` and, if wanted, `variant` (gba, signed) and
 * `both-present` (yes, no), in any order. Throws `fleet-file-invalid` with the line of each mistake.
 */
export function parseFleet(octets: Uint8Array): FleetRow[] {
  const { lines, complaints } = parseCsv(textOf(octets));
  const [header, ...rest] = lines;
  const columns = header?.fields ?? [];
  // Without its columns nothing else of the file means anything.
  if (header?.line !== 1) throw invalid(complaints, 1);
  const unfit = complaintsAbout(columns);
  if (unfit.length > 0)
    throw invalid(
      unfit.map((what) => ({ line: 1, what })),
      1,
    );
  const rows: FleetRow[] = [];
  const seen = new Map<string, number>();
  for (const line of rest) {
    const row = readRow(line, columns);
    if (typeof row === 'string') {
      complaints.push({ line: line.line, what: row });
      continue;
    }
    const before = seen.get(row.m2meId);
    if (before === undefined) seen.set(row.m2meId, line.line);
    else complaints.push({ line: line.line, what: `machine ${row.m2meId} stands in line ${before} already` });
    rows.push(row);
  }
  if (complaints.length > 0) throw invalid(complaints, 1);
  if (rows.length === 0) throw invalid([], 2);
  if (rows.length > MOST_ROWS) throw invalid([{ line: MOST_ROWS + 2, what: `more than ${MOST_ROWS} machines` }], 1);
  return rows;
}

function textOf(octets: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(octets);
  } catch (cause) {
    throw new GbaError('fleet-file-invalid', 'the fleet file is not UTF-8', { cause });
  }
}

function complaintsAbout(columns: readonly string[]): string[] {
  const unknown = columns.filter((name) => !COLUMNS.includes(name)).map((name) => `unknown column '${name}'`);
  const twice = columns.filter((name, i) => columns.indexOf(name) !== i).map((name) => `column '${name}' twice`);
  const missing = REQUIRED.filter((name) => !columns.includes(name)).map((name) => `column '${name}' is missing`);
  return [...unknown, ...twice, ...missing];
}

/** The row, or what is wrong with it. */
function readRow({ fields }: CsvLine, columns: readonly string[]): FleetRow | string {
  if (fields.length === 1 && fields[0] === '') return 'an empty line';
  if (fields.length !== columns.length) return `${fields.length} fields where the header has ${columns.length}`;
  const value = (name: string): string => fields[columns.indexOf(name)] ?? '';
  const m2meId = value('machine');
  if (m2meId === '' || m2meId !== m2meId.trim() || m2meId.length > 128) {
    return 'machine: an id of 1 to 128 characters, no blanks around it';
  }
  const url = value('url');
  if (!isLocalUrl(url)) return 'url: http://host:port or https://host:port of the machine';
  const variant = value('variant');
  if (variant !== '' && !isVariant(variant)) return `variant: ${VARIANTS.join(' or ')}`;
  const both = value('both-present');
  if (!['', 'yes', 'no'].includes(both)) return 'both-present: yes or no';
  return {
    m2meId,
    url,
    ...(variant === '' ? {} : { variant }),
    ...(both === '' ? {} : { bothPresent: both === 'yes' }),
  };
}

const isVariant = (text: string): text is Variant => VARIANTS.some((one) => one === text);

/** Where a machine's local interface can be: no user, no query, nothing that another reader would take otherwise. */
export function isLocalUrl(text: string): boolean {
  if (!URL.canParse(text) || text !== text.trim()) return false;
  const { protocol, username, password, search, hash } = new URL(text);
  return ['http:', 'https:'].includes(protocol) && username + password + search + hash === '';
}

function invalid(complaints: readonly CsvComplaint[], emptyLine: number): GbaError {
  const all =
    complaints.length > 0 ? [...complaints] : [{ line: emptyLine, what: emptyLine === 1 ? 'no header' : 'no machine' }];
  const shown = all
    .sort((a, b) => a.line - b.line)
    .slice(0, SHOWN)
    .map(({ line, what }) => `line ${line}: ${what}`);
  const more = all.length > SHOWN ? `; and ${all.length - SHOWN} more` : '';
  return new GbaError('fleet-file-invalid', shown.join('; ') + more);
}
