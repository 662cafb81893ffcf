import express from 'express';
import { z } from 'zod';
import type { FunctionDeps } from '../flow/index.ts';
import { type Listener, listen, listenSchema, loadTls, type RunningServer, tlsFilesSchema } from '../http/index.ts';
import { createAuthProxy, createZnClient, gbaAuth, proxySchema, znRoutesSchema } from '../naf/index.ts';

/** A NAF for `gba naf` and the lab: one page that shows who gets through its B-TID, or an authentication proxy. */
export const pageConfigSchema = z.strictObject({
  fqdn: z.string().min(1),
  listen: listenSchema,
  zn: znRoutesSchema,
  /** Shown to the BSF; and to browsers too when `https` is set. */
  tls: tlsFilesSchema,
  https: z.boolean().default(false),
  /** Instead of the page: another HTTP server, behind this NAF as its authentication proxy. */
  proxy: proxySchema.optional(),
});

export type PageConfig = z.infer<typeof pageConfigSchema>;

export async function startPage(config: PageConfig, deps: FunctionDeps): Promise<RunningServer> {
  const { clock, random } = deps;
  const log = deps.log.child({ fn: config.fqdn });
  const tls = loadTls(config.tls);
  const zn = createZnClient({ routes: config.zn, tls });
  const { proxy } = config;
  const auth = gbaAuth({
    fqdn: config.fqdn,
    zn,
    clock,
    random,
    log,
    ...(proxy !== undefined && { gsIds: proxy.gsIds, bodyLimit: proxy.maxBodyBytes }),
  });
  const behind = proxy === undefined ? hello() : createAuthProxy({ ...proxy, fqdn: config.fqdn, tls, log });
  const listener = auth.protect(behind.listener);
  const server = await listen(deps.wrap?.(config.fqdn, listener) ?? listener, {
    ...config.listen,
    log,
    ...(config.https ? { tls, psk: auth.psk } : {}),
  });
  return {
    port: server.port,
    async close() {
      await server.close();
      behind.close();
      zn.close();
    },
  };
}

function hello(): { listener: Listener; close(): void } {
  const app = express();
  app.disable('x-powered-by');
  app.get('/', (req, res) => {
    res.type('text/plain').send(`hello ${req.gba?.btid}\n`);
  });
  return { listener: (req, res) => void app(req, res), close: () => undefined };
}
