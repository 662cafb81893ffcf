import { z } from 'zod';
import { GbaError, type Log } from '../base/index.ts';
import { buildGuss, type Guss } from '../gba/index.ts';
import { type Reply, type RequestContext, type Route, requirePeer } from '../http/index.ts';
import { gussOfValue, gussOfXml } from './settings.ts';
import type { Subscribers } from './subscribers.ts';

const PATH = '/admin/v1/subscribers/:impi/guss';
const XML = 'application/xml';
const XML_TYPES: readonly string[] = [XML, 'text/xml'];
const BODY_LIMIT = 128 * 1024;

/** The GUSS of a subscriber for administration: as JSON (TS 29.562 Guss), or as XML (TS 29.109 annex A) when asked so. */
export function gussRoutes(subscribers: Subscribers, admin: readonly string[], log: Log): Route[] {
  const impiFor = (c: RequestContext): string => {
    requirePeer(c.peer, admin);
    return c.params['impi'] ?? '';
  };
  const replace = async (impi: string, guss: Guss): Promise<Reply> => {
    await subscribers.setGuss(impi, guss);
    log.info('guss-changed', { impi });
    return { status: 204 };
  };
  return [
    {
      method: 'GET',
      path: PATH,
      async handle(c) {
        const impi = impiFor(c);
        const { guss, changedAt } = await subscribers.guss(impi);
        if (mediaTypes(c.req.headers.accept).some((type) => XML_TYPES.includes(type))) {
          return { status: 200, bytes: buildGuss(impi, guss, changedAt), type: XML };
        }
        return { status: 200, json: guss };
      },
    },
    {
      method: 'PUT',
      path: PATH,
      bodyLimit: BODY_LIMIT,
      handle: async (c) => await replace(impiFor(c), gussIn(c)),
    },
    { method: 'DELETE', path: PATH, handle: async (c) => await replace(impiFor(c), {}) },
  ];
}

function gussIn(c: RequestContext): Guss {
  const [type = 'application/json'] = mediaTypes(c.req.headers['content-type']);
  if (type === 'application/json') return gussOfValue(c.json(z.unknown()));
  if (XML_TYPES.includes(type)) return gussOfXml(c.body, c.params['impi'] ?? '');
  throw new GbaError('media-type-unsupported', `the body is application/json or ${XML}`);
}

const mediaTypes = (header: string | undefined): string[] =>
  header === undefined ? [] : header.split(',').map((one) => one.split(';', 1)[0]?.trim().toLowerCase() ?? '');
