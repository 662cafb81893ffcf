import { SaxesParser, type SaxesTagNS } from 'saxes';
import { GbaError } from '../../base/index.ts';

/** An XML element with its place, for refusals that say where. */
export interface Element {
  name: string;
  /** Of another namespace than the root: never read, whatever its name. */
  foreign: boolean;
  /** As `guss/ussList/uss[2]`. */
  path: string;
  line: number;
  attributes: Map<string, string>;
  foreignAttributes: string[];
  text: string;
  /** Its text is interrupted by a comment: readers disagree on what it says then. */
  commented: boolean;
  children: Element[];
}

const NAMESPACE = /^urn:3gpp:gba:GBAGUSSSchema[A-Za-z0-9:.-]*$/;
const XSI = 'http://www.w3.org/2001/XMLSchema-instance';
const XMLNS = 'http://www.w3.org/2000/xmlns/';
const OCTETS = 128 * 1024;
const DEPTH = 16;
const ELEMENTS = 4_096;
const NAME_SHOWN = 64;

export function refuse(why: string, at?: Pick<Element, 'line' | 'path'>, cause?: unknown): GbaError {
  const where = at === undefined ? '' : ` at line ${at.line}${at.path === '' ? '' : `, ${at.path}`}`;
  return new GbaError('guss-invalid', `user security settings${where}: ${why}`, cause === undefined ? {} : { cause });
}

/**
 * Reads octets into a tree of limited size: UTF-8, XML 1.0, root of a release of the GUSS namespace or of none (as FHoSS sends
 * it). No DTD, so no entities but XML's own; no CDATA, no processing instructions. Throws `guss-invalid`.
 */
export function readTree(octets: Uint8Array): Element {
  if (octets.length > OCTETS) throw refuse(`over ${OCTETS} octets`);
  const builder = createBuilder();
  const parser = new SaxesParser({ xmlns: true, defaultXMLVersion: '1.0', forceXMLVersion: true });
  const here = () => ({ line: parser.line, path: builder.current()?.path ?? '' });
  parser.on('error', (cause) => {
    throw refuse('not well-formed XML', here(), cause);
  });
  parser.on('xmldecl', ({ encoding }) => {
    if ((encoding ?? 'UTF-8').toUpperCase() !== 'UTF-8') throw refuse('another encoding than UTF-8', here());
  });
  parser.on('doctype', () => {
    throw refuse('a DTD is not taken', here());
  });
  parser.on('cdata', () => {
    throw refuse('CDATA is not taken', here());
  });
  parser.on('processinginstruction', () => {
    throw refuse('a processing instruction is not taken', here());
  });
  parser.on('comment', () => {
    const element = builder.current();
    if (element !== undefined) element.commented = true;
  });
  parser.on('opentag', (tag: SaxesTagNS) => builder.open(tag, parser.line));
  parser.on('text', (piece) => {
    const element = builder.current();
    if (element !== undefined) element.text += piece;
  });
  parser.on('closetag', () => builder.close());
  parser.write(textOf(octets)).close();
  const root = builder.root();
  if (root === undefined) throw refuse('no root element');
  return root;
}

function textOf(octets: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(octets);
  } catch (cause) {
    throw refuse('not UTF-8', undefined, cause);
  }
}

function createBuilder() {
  const open: Element[] = [];
  let root: Element | undefined;
  let namespace = '';
  let count = 0;

  return {
    root: () => root,
    current: (): Element | undefined => open.at(-1),
    close: () => void open.pop(),
    open(tag: SaxesTagNS, line: number): void {
      const parent = open.at(-1);
      if (parent === undefined) namespace = tag.uri;
      const attributes = Object.values(tag.attributes);
      const element: Element = {
        name: tag.local,
        foreign: tag.uri !== namespace || parent?.foreign === true,
        path: pathOf(parent, tag.local),
        line,
        attributes: new Map(attributes.filter(({ uri }) => uri === '').map(({ local, value }) => [local, value])),
        foreignAttributes: attributes
          .filter(({ uri }) => uri !== '' && uri !== XSI && uri !== XMLNS)
          .map(({ local }) => local),
        text: '',
        commented: false,
        children: [],
      };
      if (parent === undefined && namespace !== '' && !NAMESPACE.test(namespace)) {
        throw refuse('the namespace is not the one of the schema', element);
      }
      if (++count > ELEMENTS || open.length >= DEPTH) throw refuse('too many elements, or too deep', element);
      parent?.children.push(element);
      root ??= element;
      open.push(element);
    },
  };
}

function pathOf(parent: Element | undefined, local: string): string {
  const name = local.slice(0, NAME_SHOWN);
  if (parent === undefined) return name;
  const before = parent.children.filter((one) => one.name === local).length;
  return `${parent.path}/${name}${before === 0 ? '' : `[${before + 1}]`}`;
}
