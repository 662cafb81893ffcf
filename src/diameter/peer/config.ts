import { z } from 'zod';

const identity = z
  .string()
  .regex(/^(?=.{1,255}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/, {
    error: 'a DiameterIdentity: a lower-case host or realm name',
  });

/** `tls` from the first octet (RFC 6733 2.1); `tcp` only where another layer protects, or in a laboratory. */
const transport = z.enum(['tls', 'tcp']).default('tls');
const port = z.int().min(0).max(65_535);

const peerNodeSchema = z.strictObject({
  /** Its DiameterIdentity: what its CER or CEA says, and the name in its certificate. */
  host: identity,
  /** Where to connect; without it we wait for the peer to connect. */
  connect: z.strictObject({ address: z.string().min(1), port }).optional(),
  transport,
  /** It brings requests of others (a relay or proxy). */
  agent: z.boolean().default(false),
});

/** This node, and the peers it talks with. */
export const diameterSchema = z
  .strictObject({
    host: identity,
    realm: identity,
    listen: z.strictObject({ address: z.string().default('127.0.0.1'), port, transport }).optional(),
    peers: z.array(peerNodeSchema).min(1),
    /** Tw of RFC 3539. */
    watchdogSeconds: z.int().min(6).max(600).default(30),
    requestSeconds: z.int().min(1).max(60).default(10),
    /** Requests without an answer, per peer and direction. */
    maxInFlight: z.int().min(1).max(10_000).default(256),
  })
  .refine(({ peers }) => new Set(peers.map(({ host }) => host)).size === peers.length, 'a peer stands here twice')
  .refine(({ host, peers }) => peers.every((peer) => peer.host !== host), 'this node is not a peer of itself');

export type DiameterConfig = z.infer<typeof diameterSchema>;

/** Where requests of one kind go: a realm, a host of it when known, and the peers that lead there, the best first. */
export const diameterRouteSchema = z.strictObject({
  realm: identity,
  host: identity.optional(),
  /** Names of `peers`; default: all, in their order. */
  via: z.array(identity).min(1).optional(),
});

export type DiameterRoute = z.infer<typeof diameterRouteSchema>;
