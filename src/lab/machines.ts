import type { FunctionDeps } from '../flow/index.ts';
import { type Carrier, type M2meConfig, type RunningM2me, startM2me } from '../m2me/index.ts';
import { type StoreConfig, scopedStore } from '../store/index.ts';
import { MACHINES } from './plan.ts';

/** How many machines are being started at once: each waits for its disk most of the time. */
const STARTING = 32;

export interface MachineSetting {
  carrier?: Carrier | undefined;
  depsOf(name: string, config: StoreConfig): Promise<FunctionDeps>;
  started(id: string, machine: RunningM2me): void;
  /** The port of this machine is about to be listened on. */
  release(port: number): Promise<void>;
}

/** Starts all machines; those whose configuration shares one store are given their part of it. */
export async function startMachines(configs: readonly M2meConfig[], setting: MachineSetting): Promise<void> {
  const { carrier, depsOf, started } = setting;
  let common: Promise<FunctionDeps> | undefined;

  async function depsFor({ id, store }: M2meConfig, shares: boolean): Promise<FunctionDeps> {
    if (!shares) return await depsOf(id, store);
    common ??= depsOf(MACHINES, store);
    const deps = await common;
    return deps.store === undefined ? deps : { ...deps, store: scopedStore(deps.store, id) };
  }

  const shared = sharedPath(configs);
  const waiting = configs.values();
  const startNext = async (): Promise<void> => {
    for (const config of waiting) {
      const { store } = config;
      const deps = await depsFor(config, store.driver === 'lmdb' && store.path === shared);
      await setting.release(config.local.port);
      started(config.id, await startM2me(config, { ...deps, ...(carrier && { carrier }) }));
    }
  };
  await Promise.all(Array.from({ length: STARTING }, startNext));
}

/** The one path that several machines name. */
function sharedPath(configs: readonly M2meConfig[]): string | undefined {
  const seen = new Set<string>();
  for (const { store } of configs) {
    if (store.driver !== 'lmdb') continue;
    if (seen.has(store.path)) return store.path;
    seen.add(store.path);
  }
  return undefined;
}
