import { z } from 'zod';
import { diameterRouteSchema, diameterSchema } from '../diameter/index.ts';
import { peerSchema } from '../http/index.ts';

/** Zn over Diameter: where the BSF is, and this NAF's own node; routes of one own host share the node. */
const znDiameterSchema = diameterRouteSchema.extend({ node: diameterSchema });
export type ZnDiameter = z.infer<typeof znDiameterSchema>;

const bsf = z.string().min(1);
const routeSchema = z.union(
  [z.strictObject({ bsf, peer: peerSchema }), z.strictObject({ bsf, diameter: znDiameterSchema })],
  { error: '{ bsf, peer } or { bsf, diameter: { realm, host?, via?, node } }' },
);

/** Which BSF answers for which B-TID domain: an allow-list, no other BSF is ever asked. */
export const znRoutesSchema = z
  .array(routeSchema)
  .min(1)
  .refine(nodesAgree, 'a Diameter node of this NAF is described in two ways');
/** As written: members with a default may be left out. */
export type ZnRoutes = z.input<typeof znRoutesSchema>;
export type ZnRoute = z.infer<typeof routeSchema>;

/** One host is one node: two connections of one identity to one peer are not possible (RFC 6733 5.6). */
function nodesAgree(routes: readonly ZnRoute[]): boolean {
  const nodes = routes.flatMap((route) => ('diameter' in route ? [route.diameter.node] : []));
  const described = new Map(nodes.map((node) => [node.host, JSON.stringify(node)]));
  return nodes.every((node) => described.get(node.host) === JSON.stringify(node));
}

/**
 * PSK TLS on Ua: not at all, with the suites that have forward secrecy, or with all that this product serves. Beside it Digest
 * inside TLS goes on.
 */
export const pskTlsSchema = z.enum(['off', 'forward-secret', 'all']).default('forward-secret');
