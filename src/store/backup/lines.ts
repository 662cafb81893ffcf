import { z } from 'zod';
import { type Clock, GbaError, type SecretKey } from '../../base/index.ts';
import { isKey, isSpace } from '../record.ts';
import { createChunkSealer, openChunks, type ReadOctets } from './chunks.ts';
import { compareRecords, createTally, type RawRecord, type Tally } from './record.ts';

/** What a backup says of itself, in its first line. */
export interface BackupInfo {
  /** Which network function's store it was. */
  fn: string;
  driver: string;
  /** By the clock of the program that made it, taken before the snapshot; milliseconds since 1970. */
  madeAt: number;
  /** No version above it had been given. */
  lastVersion: number;
}

const infoSchema = z.strictObject({
  backup: z.literal('gba-authz store'),
  fn: z.string().min(1),
  driver: z.string().min(1),
  madeAt: z.int().min(0),
  lastVersion: z.int().min(0),
});
const recordSchema = z.tuple([
  z.string().refine(isSpace),
  z.string().refine(isKey),
  z.number().nullable(),
  z.int().min(1),
  z.string(),
]);
const endSchema = z.strictObject({ total: z.int().min(0), digest: z.string() });
/** No record of any function comes near. */
const LINE_LIMIT = 64 * 1024 * 1024;

/** Writes a backup as lines of JSON: what it is, one for each record in their order, then their number and digest. */
export function createBackupWriter(options: {
  key: SecretKey;
  salt: Uint8Array;
  write: (octets: Uint8Array) => void;
  info: BackupInfo;
}): { add(record: RawRecord): void; end(): Tally } {
  const chunks = createChunkSealer(options.key, options.salt, options.write);
  const tally = createTally();
  const line = (value: unknown): void => chunks.push(Buffer.from(`${JSON.stringify(value)}\n`));
  const { fn, driver, madeAt, lastVersion } = options.info;
  line({ backup: 'gba-authz store', fn, driver, madeAt, lastVersion });
  return {
    add(record) {
      tally.add(record);
      line([record.space, record.key, record.expiresAt ?? null, record.version, record.json]);
    },
    end() {
      const { records, total, digest } = tally.end();
      line({ total, digest });
      chunks.end();
      return { records, total, digest };
    },
  };
}

export interface OpenBackup {
  info: BackupInfo;
  /** Once through; the file was whole and right only when this has come to its end. */
  records: Generator<RawRecord, Tally>;
}

/** Throws as `openChunks`, and `backup-invalid` for a content that is none. */
export function openBackup(key: SecretKey, read: ReadOctets): OpenBackup {
  const lines = linesOf(openChunks(key, read));
  const first = lines.next();
  const info = infoSchema.safeParse(first.done === true ? undefined : jsonOf(first.value));
  if (!info.success) throw invalid('its first line is none');
  return { info: info.data, records: recordsOf(lines, info.data) };
}

function* recordsOf(lines: Generator<Buffer, undefined>, info: BackupInfo): Generator<RawRecord, Tally> {
  const tally = createTally();
  let before: RawRecord | undefined;
  for (const text of lines) {
    const value = jsonOf(text);
    if (!Array.isArray(value)) {
      const counted = tally.end();
      const end = endSchema.safeParse(value);
      if (!end.success || end.data.total !== counted.total || end.data.digest !== counted.digest) {
        throw invalid('its records are not those that were counted');
      }
      if (lines.next().done !== true) throw invalid('something follows its last line');
      return counted;
    }
    const read = recordSchema.safeParse(value);
    if (!read.success) throw invalid(`line ${tally.total + 2} is no record`);
    const [space, key, expiresAt, version, json] = read.data;
    const record = { space, key, json, version, ...(expiresAt === null ? {} : { expiresAt }) };
    if (version > info.lastVersion || (before !== undefined && compareRecords(before, record) >= 0)) {
      throw invalid(`the record of line ${tally.total + 2} is out of order`);
    }
    tally.add(record);
    before = record;
    yield record;
  }
  throw invalid('it has no last line');
}

function* linesOf(chunks: Generator<Buffer>): Generator<Buffer, undefined> {
  let parts: Buffer[] = [];
  let length = 0;
  for (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      yield Buffer.concat([...parts, chunk.subarray(from, end)]);
      parts = [];
      length = 0;
      from = end + 1;
    }
    length += chunk.length - from;
    if (length > LINE_LIMIT) throw invalid('a record is too large');
    parts.push(chunk.subarray(from));
  }
  if (length > 0) throw invalid('its last line has no end');
}

function jsonOf(text: Buffer): unknown {
  try {
    return JSON.parse(text.toString('utf8'));
  } catch {
    // Without the cause: the parser quotes what it reads.
    throw invalid('a line is no JSON');
  }
}

/** The clock of a restoring program has to be past the one that made the backup: new versions and sequence numbers hang on it. */
export function requireLater({ madeAt }: BackupInfo, clock: Clock): number {
  const now = clock.now();
  if (now >= madeAt) return now;
  throw new GbaError(
    'clock-wrong',
    `the backup was made ${new Date(madeAt).toISOString()}; the clock here is behind that`,
  );
}

const invalid = (what: string): GbaError =>
  new GbaError('backup-invalid', `the backup is not as it has to be: ${what}`);
