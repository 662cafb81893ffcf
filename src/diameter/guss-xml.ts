import { SaxesParser, type SaxesTagNS } from 'saxes';
import { GbaError } from '../base/index.ts';

/** User security settings of one GAA service (TS 29.109 annex A). */
export interface UssFields {
  gsId: number;
  gsType: number;
  ueIds: { ueId: string }[];
  nafGroup?: string | undefined;
  flags?: { flag: number }[] | undefined;
  keyChoice?: string | undefined;
}

export interface GussFields {
  bsfInfo?: { uiccType?: string | undefined; lifeTime?: number | undefined } | undefined;
  ussList?: readonly { uss: UssFields }[] | undefined;
}

const NAMESPACE = 'urn:3gpp:gba:GBAGUSSSchema-R9:2010-02';
const HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n';
const DEPTH_LIMIT = 16;
const ELEMENTS = 4_096;
const UINT32 = 0xffffffff;

const NOT_XML = /[^\t\n\r\x20-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/u;
const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

function escaped(text: string): string {
  if (NOT_XML.test(text)) throw refuse('a character that XML cannot carry');
  return text.replace(/[&<>"]/g, (character) => ENTITIES[character] ?? '');
}

function ussElement(uss: UssFields): string {
  const group = uss.nafGroup === undefined ? '' : ` nafGroup="${escaped(uss.nafGroup)}"`;
  const uids = uss.ueIds.map(({ ueId }) => `<uid>${escaped(ueId)}</uid>`).join('');
  const flags = uss.flags?.map(({ flag }) => `<flag>${flag}</flag>`).join('');
  const choice = uss.keyChoice === undefined ? '' : `<keyChoice>${escaped(uss.keyChoice)}</keyChoice>`;
  return (
    `<uss id="${uss.gsId}" type="${uss.gsType}"${group}><uids>${uids}</uids>` +
    `${flags === undefined ? '' : `<flags>${flags}</flags>`}${choice}</uss>`
  );
}

const ussElements = (list: readonly { uss: UssFields }[]): string => list.map(({ uss }) => ussElement(uss)).join('');

/** GBA-UserSecSettings on Zh: the whole GUSS, without prefix, elements in the order of the schema. */
export function buildGuss(impi: string, { bsfInfo, ussList }: GussFields): Buffer {
  const type = bsfInfo?.uiccType === undefined ? '' : `<uiccType>${escaped(bsfInfo.uiccType)}</uiccType>`;
  const life = bsfInfo?.lifeTime === undefined ? '' : `<lifeTime>${bsfInfo.lifeTime}</lifeTime>`;
  const info = bsfInfo === undefined ? '' : `<bsfInfo>${type}${life}</bsfInfo>`;
  const list = `<ussList>${ussElements(ussList ?? [])}</ussList>`;
  return Buffer.from(`${HEAD}<guss id="${escaped(impi)}" xmlns="${NAMESPACE}">${info}${list}</guss>\n`, 'utf8');
}

/** GBA-UserSecSettings on Zn: the settings that were asked for. */
export function buildUssList(list: readonly { uss: UssFields }[]): Buffer {
  return Buffer.from(`${HEAD}<ussList xmlns="${NAMESPACE}">${ussElements(list)}</ussList>\n`, 'utf8');
}

/** Reads a GUSS; any namespace, also none as FHoSS sends it. Throws `guss-invalid`. */
export function parseGuss(octets: Uint8Array): GussFields {
  const root = read(octets);
  if (root.name !== 'guss') throw refuse('the root is not guss');
  const info = child(root, 'bsfInfo');
  const lifeTime = info && child(info, 'lifeTime');
  const uiccType = info && child(info, 'uiccType');
  const list = child(root, 'ussList');
  return {
    ...(info !== undefined && {
      bsfInfo: {
        ...(uiccType !== undefined && { uiccType: textOf(uiccType) }),
        ...(lifeTime !== undefined && { lifeTime: integer(textOf(lifeTime), 1) }),
      },
    }),
    ...(list !== undefined && { ussList: ussOf(list) }),
  };
}

/** Reads a list of settings. Throws `guss-invalid`. */
export function parseUssList(octets: Uint8Array): { uss: UssFields }[] {
  const root = read(octets);
  if (root.name !== 'ussList') throw refuse('the root is not ussList');
  return ussOf(root);
}

function ussOf(list: Element): { uss: UssFields }[] {
  return children(list, 'uss').map((element) => {
    const uids = children(child(element, 'uids') ?? element, 'uid');
    if (uids.length === 0) throw refuse('a uss without a uid');
    const flagsElement = child(element, 'flags');
    const flags = flagsElement === undefined ? [] : children(flagsElement, 'flag');
    const choice = child(element, 'keyChoice');
    const nafGroup = element.attributes.get('nafGroup');
    const uss: UssFields = {
      gsId: integer(element.attributes.get('id') ?? ''),
      gsType: integer(element.attributes.get('type') ?? ''),
      ueIds: uids.map((uid) => ({ ueId: textOf(uid) })),
      ...(nafGroup !== undefined && { nafGroup }),
      // A deployed HSS sends an empty list of flags.
      ...(flags.length > 0 && { flags: flags.map((flag) => ({ flag: integer(textOf(flag)) })) }),
      ...(choice !== undefined && { keyChoice: textOf(choice) }),
    };
    return { uss };
  });
}

interface Element {
  name: string;
  attributes: Map<string, string>;
  text: string;
  children: Element[];
}

const children = (element: Element, name: string): Element[] => element.children.filter((one) => one.name === name);
const textOf = (element: Element): string => element.text.trim();

function child(element: Element, name: string): Element | undefined {
  const [first, second] = children(element, name);
  if (second !== undefined) throw refuse(`more than one ${name}`);
  return first;
}

function integer(text: string, least = 0): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least && value <= UINT32)) throw refuse('a number');
  return value;
}

const refuse = (why: string, cause?: unknown): GbaError =>
  new GbaError('guss-invalid', `user security settings: ${why}`, cause === undefined ? {} : { cause });

/** A small tree of local names; unknown elements stay in it and are not looked at. No DTD, so no entities but XML's own. */
function read(octets: Uint8Array): Element {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(octets);
  } catch (cause) {
    throw refuse('not UTF-8', cause);
  }
  const top: Element = { name: '', attributes: new Map(), text: '', children: [] };
  const path = [top];
  let count = 0;
  const parser = new SaxesParser({ xmlns: true });
  parser.on('error', (cause) => {
    throw refuse('not well-formed XML', cause);
  });
  parser.on('doctype', () => {
    throw refuse('a DTD is not taken');
  });
  parser.on('opentag', (tag: SaxesTagNS) => {
    count++;
    if (path.length > DEPTH_LIMIT || count > ELEMENTS) throw refuse('too deep or too large');
    const plain = Object.values(tag.attributes).filter(({ uri }) => uri === '');
    const attributes = new Map(plain.map(({ local, value }) => [local, value]));
    const element: Element = { name: tag.local, attributes, text: '', children: [] };
    path.at(-1)?.children.push(element);
    path.push(element);
  });
  parser.on('text', (piece) => {
    const element = path.at(-1);
    if (element !== undefined) element.text += piece;
  });
  parser.on('cdata', (piece) => {
    const element = path.at(-1);
    if (element !== undefined) element.text += piece;
  });
  parser.on('closetag', () => void path.pop());
  parser.write(text).close();
  const [root] = top.children;
  if (root === undefined) throw refuse('no root');
  return root;
}
