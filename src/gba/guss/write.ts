import { refuse } from './tree.ts';
import type { Guss, Uss } from './types.ts';

/** Target namespace of Rel-9 and later (TS 29.109 annex A). */
const NAMESPACE = 'urn:3gpp:gba:GBAGUSSSchema-R9:2010-02';
const HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n';
const NOT_XML = /[^\t\n\r\x20-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/u;
const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

function escaped(text: string): string {
  if (NOT_XML.test(text)) throw refuse('a character that XML cannot carry');
  return text.replace(/[&<>"]/g, (character) => ENTITIES[character] ?? '');
}

const optional = (name: string, value: string | number | undefined): string =>
  value === undefined ? '' : `<${name}>${escaped(String(value))}</${name}>`;

function ussElement(uss: Uss): string {
  const group = uss.nafGroup === undefined ? '' : ` nafGroup="${escaped(uss.nafGroup)}"`;
  const uids = uss.ueIds.map(({ ueId }) => `<uid>${escaped(ueId)}</uid>`).join('');
  const flags = uss.flags?.map(({ flag }) => `<flag>${flag}</flag>`).join('');
  return (
    `<uss id="${uss.gsId}" type="${uss.gsType}"${group}><uids>${uids}</uids>` +
    `${flags === undefined ? '' : `<flags>${flags}</flags>`}${optional('keyChoice', uss.keyChoice)}</uss>`
  );
}

const ussElements = (list: readonly { uss: Uss }[]): string => list.map(({ uss }) => ussElement(uss)).join('');

/**
 * GBA-UserSecSettings on Zh: the whole GUSS, without prefix, elements in the order of the schema. `timestamp`: when it last
 * changed, ms since 1970, written in whole seconds.
 */
export function buildGuss(impi: string, { bsfInfo, ussList }: Guss, timestamp?: number): Buffer {
  const info =
    bsfInfo === undefined
      ? ''
      : `<bsfInfo>${optional('uiccType', bsfInfo.uiccType)}${optional('lifeTime', bsfInfo.lifeTime)}</bsfInfo>`;
  const stamp = timestamp === undefined ? undefined : `${new Date(timestamp).toISOString().slice(0, 19)}Z`;
  const extension = stamp === undefined ? '' : `<Extension>${optional('timestamp', stamp)}</Extension>`;
  const list = `<ussList>${ussElements(ussList ?? [])}</ussList>`;
  return Buffer.from(
    `${HEAD}<guss id="${escaped(impi)}" xmlns="${NAMESPACE}">${info}${extension}${list}</guss>\n`,
    'utf8',
  );
}

/** GBA-UserSecSettings on Zn: the settings that were asked for. */
export function buildUssList(list: readonly { uss: Uss }[]): Buffer {
  return Buffer.from(`${HEAD}<ussList xmlns="${NAMESPACE}">${ussElements(list)}</ussList>\n`, 'utf8');
}
