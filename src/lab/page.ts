import express from 'express';
import { z } from 'zod';
import type { FunctionDeps } from '../flow/index.ts';
import { type Listener, listen, listenSchema, loadTls, type RunningServer, tlsFilesSchema } from '../http/index.ts';
import { createZnClient, gbaAuth, znRoutesSchema } from '../naf/index.ts';

/** A NAF with one page, for `gba naf` and the lab: who gets through sees its B-TID. */
export const pageConfigSchema = z.strictObject({
  fqdn: z.string().min(1),
  listen: listenSchema,
  zn: znRoutesSchema,
  /** Shown to the BSF; and to browsers too when `https` is set. */
  tls: tlsFilesSchema,
  https: z.boolean().default(false),
});

export type PageConfig = z.infer<typeof pageConfigSchema>;

export async function startPage(config: PageConfig, deps: FunctionDeps): Promise<RunningServer> {
  const { clock, random } = deps;
  const log = deps.log.child({ fn: config.fqdn });
  const tls = loadTls(config.tls);
  const zn = createZnClient({ routes: config.zn, tls });
  const app = express();
  app.disable('x-powered-by');
  app.use(gbaAuth({ fqdn: config.fqdn, zn, clock, random, log }));
  app.get('/', (req, res) => {
    res.type('text/plain').send(`hello ${req.gba?.btid}\n`);
  });
  const listener: Listener = (req, res) => void app(req, res);
  const server = await listen(deps.wrap?.(config.fqdn, listener) ?? listener, {
    ...config.listen,
    log,
    ...(config.https ? { tls } : {}),
  });
  return {
    port: server.port,
    async close() {
      await server.close();
      zn.close();
    },
  };
}
