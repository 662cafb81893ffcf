import { createZnClient, znRoutesSchema } from '../../src/naf/index.ts';
import { NAF, node, pki, startLabBsf, startLabHss, USS } from '../diameter/lab.ts';
import { kept } from '../support/kept.ts';
import { RELAY } from './free-diameter.ts';

export async function waitFor(lines: readonly string[], what: string, more: () => string = () => ''): Promise<void> {
  const deadline = Date.now() + 15_000;
  while (!lines.some((line) => line.includes(what))) {
    if (Date.now() > deadline) throw new Error(`no ${what} in\n${lines.join('\n')}\n${more()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export const LINK_UP = '"status":"okay"';

/** A node whose only peer is the relay, which connects to it in clear on `port`, or which it calls over TLS. */
export const listening = (host: string, port = 0) =>
  node(host, [{ host: RELAY, agent: true, transport: 'tcp' }], { listen: { port, transport: 'tcp' } });
export const calling = (host: string, port: number) =>
  node(host, [{ host: RELAY, agent: true, connect: { address: '127.0.0.1', port } }], { requestSeconds: 5 });

/** HSS and BSF that know each other through the relay only. */
export async function startBehindRelay(nodeOf: (host: string) => unknown, names: { HSS: string; BSF: string }) {
  const [hssLines, bsfLines]: [string[], string[]] = [[], []];
  const subscriber = { ussList: USS, keyLifetimeSeconds: 1200 };
  const hss = kept(await startLabHss({ diameter: nodeOf(names.HSS), lines: hssLines, subscriber }));
  const zh = { diameter: { realm: 'home.test', host: names.HSS } };
  const bsf = kept(await startLabBsf({ hss: zh, diameter: nodeOf(names.BSF), lines: bsfLines }));
  return { hss, bsf, hssLines, bsfLines };
}

/** Zn to the BSF of `realm`, through the relay. */
export function znThrough(ownNode: unknown, bsf: string, realm = 'home.test') {
  const routes = znRoutesSchema.parse([{ bsf, diameter: { realm, node: ownNode } }]);
  return kept(createZnClient({ routes, tls: pki.pem(NAF) }));
}
