import { createSealer } from '../base/index.ts';
import type { FunctionDeps } from '../flow/index.ts';
import { listen, loadSealingKey, loadTls, type RunningServer, readTextFile } from '../http/index.ts';
import { openStore, type Store } from '../store/index.ts';
import type { HssConfig } from './config.ts';
import { hssListener } from './http.ts';
import { parseSubscribers } from './import.ts';
import { createSubscribers } from './subscribers.ts';

export interface RunningHss {
  ports: { sbi: number };
  close(): Promise<void>;
}

/** Opens the store, imports subscribers into a new one, serves SBI and administration over mutual TLS. */
export async function startHss(config: HssConfig, deps: FunctionDeps): Promise<RunningHss> {
  const store = deps.store ?? (await openStore(config.store, deps.clock, deps.log));
  const closeStore = async (): Promise<void> => {
    if (deps.store === undefined) await store.close();
  };
  try {
    const server = await serve(config, deps, store);
    return {
      ports: { sbi: server.port },
      async close() {
        await server.close();
        await closeStore();
      },
    };
  } catch (error) {
    await closeStore();
    throw error;
  }
}

async function serve(config: HssConfig, deps: FunctionDeps, store: Store): Promise<RunningServer> {
  const log = deps.log.child({ fn: config.name });
  const { clock, random } = deps;
  const sealer = createSealer(loadSealingKey(config.keyFile), random);
  const subscribers = createSubscribers({ store, clock, random, sealer, config });
  await subscribers.checkSealingKey();
  if (config.subscribersFile !== undefined) {
    const count = await subscribers.importOnce(parseSubscribers(readTextFile(config.subscribersFile)));
    if (count > 0) log.info('subscribers-imported', { count });
  }
  const listener = hssListener(subscribers, config, log);
  return await listen(deps.wrap?.(config.name, listener) ?? listener, {
    ...config.sbi,
    tls: loadTls(config.tls),
    clientCertificate: 'required',
  });
}
