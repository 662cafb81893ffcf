import { z } from 'zod';
import { createSealer, GbaError, type Sealer, systemRandom } from '../base/index.ts';
import { loadSealingKey } from '../http/index.ts';
import { type StoreConfig, type StoreKind, storeConfigSchema } from '../store/index.ts';
import { FUNCTIONS, type FunctionCommand } from './functions.ts';

/** The functions that have a store. */
export const STORED = FUNCTIONS.filter((fn: FunctionCommand) => fn.store !== undefined).map(({ name }) => name);

export interface StoreTarget {
  fn: string;
  kind: StoreKind;
  store: StoreConfig;
  /** Left out: this function seals nothing. */
  sealer?: Sealer;
}

const storedSchema = z.looseObject({ store: storeConfigSchema, keyFile: z.string().optional() });

/** The store of a function, by the configuration that it runs with. Throws `config-invalid`. */
export function storeTargetOf(name: string, path: string): StoreTarget {
  const fn: FunctionCommand | undefined = FUNCTIONS.find((one) => one.name === name);
  if (fn?.store === undefined) throw new GbaError('config-invalid', `${name} has no store`);
  const { store, keyFile } = storedSchema.parse(fn.check(path));
  // The PVA's key is not read: it keeps no keys.
  const sealer =
    keyFile === undefined || name === 'pva' ? undefined : createSealer(loadSealingKey(keyFile), systemRandom);
  return { fn: name, kind: fn.store, store, ...(sealer === undefined ? {} : { sealer }) };
}
