import { createSealer, fromHex } from '../base/index.ts';
import type { FunctionDeps } from '../flow/index.ts';
import { type Listener, type ListenOptions, listen, loadSealingKey, loadTls } from '../http/index.ts';
import { openStore } from '../store/index.ts';
import type { AvSource } from './av-source.ts';
import { createBearerCheck } from './bearer.ts';
import { createBootstrapService } from './bootstrap-service.ts';
import type { BsfConfig } from './config.ts';
import { createHssClient } from './hss-client.ts';
import { createSbiListener } from './sbi.ts';
import { createUbListener } from './ub.ts';

export interface BsfDeps extends FunctionDeps {
  /** Instead of the HSS that the configuration names: vectors from the same process. */
  avSource?: AvSource;
}

export interface RunningBsf {
  ports: { ub: number; sbi: number };
  close(): Promise<void>;
}

/** A BSF (Bootstrapping Server Function, TS 33.220) with its Ub and SBI servers. */
export async function startBsf(config: BsfConfig, deps: BsfDeps): Promise<RunningBsf> {
  const { clock, random, log } = deps;
  const tls = loadTls(config.tls);
  const sealer = createSealer(loadSealingKey(config.keyFile), random);
  const bearer = config.oauth === undefined ? undefined : createBearerCheck(config.oauth, clock);
  const store = deps.store ?? (await openStore(config.store, clock, log));
  const avSource = deps.avSource ?? createHssClient(config.hss, tls);
  const service = createBootstrapService(
    { ...config, unknownAmf: fromHex(config.unknownAmf, 2) },
    { store, sealer, avSource, clock, random, log },
  );
  const opened: { close(): Promise<void> }[] = [];
  const open = async (name: string, listener: Listener, options: ListenOptions): Promise<number> => {
    const server = await listen(deps.wrap?.(name, listener) ?? listener, options);
    opened.push(server);
    return server.port;
  };
  const close = async () => {
    await Promise.all(opened.map((server) => server.close()));
    if (deps.avSource === undefined) avSource.close?.();
    if (deps.store === undefined) await store.close();
  };
  try {
    const ub = await open(`${config.name} ub`, createUbListener(config.name, service, log), config.ub);
    const sbi = await open(`${config.name} sbi`, createSbiListener(config, { store, sealer, clock, log, bearer }), {
      ...config.sbi,
      tls,
      clientCertificate: 'required',
    });
    return { ports: { ub, sbi }, close };
  } catch (error) {
    await close();
    throw error;
  }
}
