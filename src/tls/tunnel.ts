import type { UaIdentity } from './identity.ts';

/** By which key a TLS connection was made: both ends have proved it. */
export interface PskTunnel extends UaIdentity {
  /** Ua security protocol identifier of the key (TS 33.220 H.3). */
  uaId: Buffer;
}

const tunnels = new WeakMap<object, PskTunnel>();

/** The key that this server's connection stands on, if it is a PSK one. */
export function pskTunnelOf(socket: object): PskTunnel | undefined {
  return tunnels.get(socket);
}

export function setPskTunnel(socket: object, tunnel: PskTunnel): void {
  tunnels.set(socket, tunnel);
}
