import { type Element, readTree, refuse } from './tree.ts';
import { type Guss, isSettingsText, keyChoiceOf, repeatedUss, UICC_TYPES, type Uss } from './types.ts';

/** What to do with elements and attributes that the schema does not have. */
export interface ReadOptions {
  /**
   * `ignore` what a newer peer may send; `refuse` it where somebody typed it. Known names of a foreign namespace are unknown
   * ones. What stands in `Extension` is always ignored, but for the timestamp.
   */
  unknown: 'ignore' | 'refuse';
}

export interface ReadGuss {
  guss: Guss;
  /** IMPI that the settings say they are of. */
  impi?: string;
  /** When they last changed, ms since 1970 (`Extension/timestamp`, the source of GUSS-Timestamp). */
  timestamp?: number;
}

const UINT32 = 0xffffffff;
const DATE_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/;

/** GBA-UserSecSettings on Zh: root `guss` (TS 29.109 6.3.1.1, annex A). Throws `guss-invalid`, which says where. */
export function parseGuss(octets: Uint8Array, options: ReadOptions): ReadGuss {
  const root = readTree(octets);
  if (root.name !== 'guss') throw refuse('the root is not guss', root);
  const read = createReader(options);
  read.container(root, ['bsfInfo', 'Extension', 'ussList'], ['id']);
  const impi = root.attributes.get('id');
  if (impi === undefined && options.unknown === 'refuse') throw refuse('the attribute id (the IMPI) is missing', root);
  const info = read.child(root, 'bsfInfo');
  const extension = read.child(root, 'Extension');
  const stamp = extension && read.child(extension, 'timestamp');
  const list = read.child(root, 'ussList');
  return {
    guss: {
      ...(info !== undefined && { bsfInfo: bsfInfoOf(info, read, options) }),
      ...(list !== undefined && { ussList: ussListOf(list, read, options) }),
    },
    ...(impi !== undefined && { impi }),
    ...(stamp !== undefined && { timestamp: timeOf(stamp, read.value(stamp)) }),
  };
}

/** GBA-UserSecSettings on Zn: root `ussList`. Throws `guss-invalid`. */
export function parseUssList(octets: Uint8Array, options: ReadOptions): { uss: Uss }[] {
  const root = readTree(octets);
  if (root.name !== 'ussList') throw refuse('the root is not ussList', root);
  return ussListOf(root, createReader(options), options);
}

function bsfInfoOf(info: Element, read: Reader, { unknown }: ReadOptions): NonNullable<Guss['bsfInfo']> {
  read.container(info, ['uiccType', 'lifeTime'], []);
  const type = read.child(info, 'uiccType');
  const life = read.child(info, 'lifeTime');
  const uiccType = type && read.value(type);
  if (type !== undefined && unknown === 'refuse' && !UICC_TYPES.some((one) => one === uiccType)) {
    throw refuse(`not one of ${UICC_TYPES.join(', ')}`, type);
  }
  return {
    ...(uiccType !== undefined && { uiccType }),
    ...(life !== undefined && { lifeTime: integer(life, read.value(life), 1) }),
  };
}

function ussListOf(list: Element, read: Reader, options: ReadOptions): { uss: Uss }[] {
  read.container(list, ['uss'], []);
  const elements = read.children(list, 'uss');
  const found = elements.map((element) => ({ uss: ussOf(element, read, options) }));
  const twice = elements[repeatedUss(found) ?? -1];
  if (twice !== undefined) throw refuse('the same service and NAF group as an earlier uss', twice);
  return found;
}

function ussOf(element: Element, read: Reader, { unknown }: ReadOptions): Uss {
  read.container(element, ['uids', 'flags', 'keyChoice'], ['id', 'type', 'nafGroup']);
  const uids = read.child(element, 'uids');
  if (uids === undefined) throw refuse('uids is missing', element);
  read.container(uids, ['uid'], []);
  const ueIds = read.children(uids, 'uid').map((uid) => ({ ueId: text(uid, read.value(uid)) }));
  if (ueIds.length === 0) throw refuse('at least one uid is needed', uids);
  const flagList = read.child(element, 'flags');
  if (flagList !== undefined) read.container(flagList, ['flag'], []);
  const flags = flagList === undefined ? [] : read.children(flagList, 'flag');
  const choice = read.child(element, 'keyChoice');
  const chosen = choice && read.value(choice);
  if (choice !== undefined && unknown === 'refuse' && keyChoiceOf(chosen ?? '') === undefined) {
    throw refuse('not a key choice', choice);
  }
  const nafGroup = element.attributes.get('nafGroup');
  return {
    gsId: integer(element, element.attributes.get('id'), 0, 'id'),
    gsType: integer(element, element.attributes.get('type'), 0, 'type'),
    ueIds,
    ...(nafGroup !== undefined && { nafGroup: text(element, nafGroup) }),
    // A deployed HSS sends an empty list of flags.
    ...(flags.length > 0 && { flags: flags.map((flag) => ({ flag: integer(flag, read.value(flag), 0) })) }),
    ...(chosen !== undefined && { keyChoice: keyChoiceOf(chosen) ?? text(element, chosen) }),
  };
}

type Reader = ReturnType<typeof createReader>;

function createReader({ unknown }: ReadOptions) {
  const own = (element: Element, name: string): Element[] =>
    element.children.filter((one) => one.name === name && !one.foreign);
  return {
    /** An element of elements: no text of its own, and only known children and attributes when the rest is refused. */
    container(element: Element, names: readonly string[], attributes: readonly string[]): void {
      if (element.text.trim() !== '') throw refuse('text where elements belong', element);
      if (unknown === 'ignore') return;
      const stranger = element.children.find((one) => one.foreign || !names.includes(one.name));
      if (stranger !== undefined) throw refuse('an element that the schema does not have here', stranger);
      const extra = [...element.attributes.keys()].filter((name) => !attributes.includes(name));
      if (extra.length + element.foreignAttributes.length > 0) {
        throw refuse('an attribute that the schema does not have here', element);
      }
    },
    children: own,
    child(element: Element, name: string): Element | undefined {
      const [first, second] = own(element, name);
      if (second !== undefined) throw refuse(`${name} comes twice`, second);
      return first;
    },
    /** The text of an element that has nothing else in it. */
    value(element: Element): string {
      if (element.children.length > 0 || element.commented) throw refuse('more than text in it', element);
      return element.text.trim();
    },
  };
}

function integer(at: Element, value: string | undefined, least: number, attribute?: string): number {
  const what = attribute === undefined ? 'it' : `the attribute ${attribute}`;
  if (value === undefined) throw refuse(`${what} is missing`, at);
  const number = /^\d{1,10}$/.test(value) ? Number(value) : Number.NaN;
  if (!(number >= least && number <= UINT32)) throw refuse(`${what} is not a number from ${least} to ${UINT32}`, at);
  return number;
}

function text(at: Element, value: string): string {
  if (!isSettingsText(value)) throw refuse('empty, too long, or with characters that do not belong there', at);
  return value;
}

/** xs:dateTime with its zone; times without one are nobody's time. */
function timeOf(at: Element, value: string): number {
  const ms = DATE_TIME.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(ms)) throw refuse('not a date and time with zone', at);
  return ms;
}
