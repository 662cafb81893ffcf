import type { FunctionDeps } from '../flow/index.ts';
import { openStore } from '../store/index.ts';
import type { HssConfig } from './config.ts';
import { createGussBook } from './guss-book.ts';

/** The settings in the store of an HSS, for who may open it; a running HSS sees a change with the next request. */
export async function openSettings(
  config: Pick<HssConfig, 'store'>,
  { clock, log }: Pick<FunctionDeps, 'clock' | 'log'>,
) {
  const store = await openStore(config.store, clock, log);
  const { get, set } = createGussBook({ store, clock });
  return { get, set, close: () => store.close() };
}
