import { SaxesParser, type SaxesTagNS } from 'saxes';
import { GbaError } from '../base/index.ts';

/** Media type of the Ub answer (IANA registration of 2006-08-17): no parameters. */
export const UB_CONTENT_TYPE = 'application/vnd.3gpp.bsf+xml';
/** Product token of peers that use a TMPI (TS 33.220 4.5.2): in User-Agent from the UE, in Server from the BSF. */
export const TMPI_TOKEN = '3gpp-gba-tmpi';

const NAMESPACE = 'uri:3gpp-gba';
const BODY_LIMIT = 16 * 1024;
const DEPTH_LIMIT = 16;
const BTID_LIMIT = 255;
const DATE_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?Z$/;

/** Body of the 200 answer on Ub (TS 24.109 annex C.1). Times in ms since 1970. */
export interface BootstrappingInfo {
  btid: string;
  /** When the key ends. */
  lifetime: number;
  /** The BSF's clock, if it says so in the Extension. */
  currentTime?: number;
}

/** A point in time as `YYYY-MM-DDThh:mm:ssZ`, cut to whole seconds: the one form that all clients read (ub.md 12). */
export function formatUtc(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

/** UTC date and time with `Z` to ms; undefined for any other form and for days that do not exist. */
export function parseUtc(text: string): number | undefined {
  if (!DATE_TIME.test(text)) return undefined;
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) return undefined;
  return new Date(ms).toISOString().slice(0, 19) === text.slice(0, 19) ? ms : undefined;
}

/** Default namespace, no prefix, no attributes, LF endings: what small XML readers in the field need. */
export function buildBootstrappingInfo(info: BootstrappingInfo): Buffer {
  const extension =
    info.currentTime === undefined
      ? ''
      : `<Extension><currenttime>${formatUtc(info.currentTime)}</currenttime></Extension>\n`;
  return Buffer.from(
    `<?xml version="1.0" encoding="UTF-8"?>\n<BootstrappingInfo xmlns="${NAMESPACE}">\n<btid>${info.btid}</btid>\n` +
      `<lifetime>${formatUtc(info.lifetime)}</lifetime>\n${extension}</BootstrappingInfo>\n`,
    'utf8',
  );
}

/**
 * Reads the body of a Ub answer. Unknown elements and attributes are ignored, as C.1 wants; DTDs, entities, CDATA, a second
 * `btid` or `lifetime`, another namespace and anything over 16 KiB are refused with `ub-body-invalid`.
 */
export function parseBootstrappingInfo(octets: Uint8Array): BootstrappingInfo {
  if (octets.length > BODY_LIMIT) throw refuse('too large');
  const text = decode(octets);
  // A B-TID and a date need no references: without them no entity trick can even start.
  if (text.includes('&')) throw refuse('entity references are not taken');
  const found = collect(text);
  const btid = single(found, 'btid');
  const lifetime = parseUtc(single(found, 'lifetime'));
  if (btid === '' || btid.length > BTID_LIMIT || !/^[\x21-\x7e]+@[\x21-\x7e]+$/.test(btid)) throw refuse('btid');
  if (lifetime === undefined) throw refuse('lifetime is not a UTC date and time');
  const current = found.get('currenttime')?.[0];
  if (current === undefined) return { btid, lifetime };
  const currentTime = parseUtc(current.trim());
  if (currentTime === undefined) throw refuse('currenttime is not a UTC date and time');
  return { btid, lifetime, currentTime };
}

function refuse(why: string, cause?: unknown): GbaError {
  return new GbaError('ub-body-invalid', `bootstrapping info: ${why}`, cause === undefined ? {} : { cause });
}

function decode(octets: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(octets);
  } catch (cause) {
    throw refuse('not UTF-8', cause);
  }
}

/** Where each element that means something must stand. */
const WANTED: Readonly<Record<string, string>> = {
  'BootstrappingInfo/btid': 'btid',
  'BootstrappingInfo/lifetime': 'lifetime',
  'BootstrappingInfo/Extension/currenttime': 'currenttime',
};

function collect(text: string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  const path: string[] = [];
  const parser = new SaxesParser({ xmlns: true });
  let current: string[] | undefined;
  parser.on('error', (cause) => {
    throw refuse('not well-formed XML', cause);
  });
  parser.on('doctype', () => {
    throw refuse('a DTD is not taken');
  });
  parser.on('cdata', () => {
    throw refuse('CDATA is not taken');
  });
  parser.on('opentag', (tag: SaxesTagNS) => {
    if (current !== undefined) throw refuse(`elements inside ${path.at(-1) ?? 'it'}`);
    path.push(tag.uri === NAMESPACE ? tag.local : `{${tag.uri}}${tag.local}`);
    if (path.length > DEPTH_LIMIT) throw refuse('too deep');
    if (path.length === 1 && path[0] !== 'BootstrappingInfo') throw refuse('another root element');
    const name = WANTED[path.join('/')];
    if (name === undefined) return;
    current = found.get(name) ?? [];
    found.set(name, current);
    current.push('');
  });
  parser.on('text', (piece) => {
    if (current !== undefined) current.push((current.pop() ?? '') + piece);
  });
  parser.on('closetag', () => {
    path.pop();
    current = undefined;
  });
  parser.write(text).close();
  return found;
}

function single(found: ReadonlyMap<string, readonly string[]>, name: string): string {
  const values = found.get(name) ?? [];
  if (values.length !== 1) throw refuse(`exactly one ${name} is needed`);
  return (values[0] ?? '').trim();
}
