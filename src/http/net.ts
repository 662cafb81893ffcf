import { type ClientOptions, createClient, type HttpClient } from './client.ts';
import type { Listener } from './router.ts';
import { type ListenOptions, listen, type RunningServer } from './server.ts';

/** The network as a port: what a function serves and asks goes through it, over sockets or in a simulation. */
export interface Net {
  createClient(options: ClientOptions): HttpClient;
  listen(listener: Listener, options: ListenOptions): Promise<RunningServer>;
}

export const systemNet: Net = { createClient, listen };

/** A second server of a function: when it cannot listen, the first one does not stay behind. */
export async function listenBeside(
  net: Net,
  first: RunningServer,
  listener: Listener,
  options: ListenOptions,
): Promise<RunningServer> {
  try {
    return await net.listen(listener, options);
  } catch (error) {
    await first.close();
    throw error;
  }
}
