import { createSealer } from '../base/index.ts';
import { startDiameterNode, ZH_APPLICATION } from '../diameter/index.ts';
import { type FunctionDeps, portsOf } from '../flow/index.ts';
import { loadSealingKey, loadTls, readTextFile } from '../http/index.ts';
import { openStore, type Store } from '../store/index.ts';
import type { HssConfig } from './config.ts';
import { hssListener } from './http.ts';
import { parseSubscribers } from './import.ts';
import { createSubscribers } from './subscribers.ts';
import { createZhService } from './zh-server.ts';

export interface RunningHss {
  ports: { sbi: number; diameter?: number };
  close(): Promise<void>;
}

/** Opens the store, imports subscribers into a new one, serves SBI and administration over mutual TLS, and Zh when configured. */
export async function startHss(config: HssConfig, deps: FunctionDeps): Promise<RunningHss> {
  const store = deps.store ?? (await openStore(config.store, deps.clock, deps.log));
  const closeStore = async (): Promise<void> => {
    if (deps.store === undefined) await store.close();
  };
  try {
    const server = await serve(config, deps, store);
    return {
      ports: server.ports,
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

async function serve(config: HssConfig, deps: FunctionDeps, store: Store): Promise<RunningHss> {
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
  const tls = loadTls(config.tls);
  const services = [createZhService(subscribers, config.clients.av, log)];
  const diameter =
    config.diameter && (await startDiameterNode(config.diameter, [ZH_APPLICATION], services, { ...deps, log, tls }));
  try {
    const server = await portsOf(deps).net.listen(deps.wrap?.(config.name, listener) ?? listener, {
      ...config.sbi,
      log,
      tls,
      clientCertificate: 'required',
    });
    return {
      ports: { sbi: server.port, ...(diameter?.port !== undefined && { diameter: diameter.port }) },
      async close() {
        await server.close();
        await diameter?.close();
      },
    };
  } catch (error) {
    await diameter?.close();
    throw error;
  }
}
