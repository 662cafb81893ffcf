import type { StoreCheck } from './check.ts';
import { expiry } from './expiry.ts';
import { lists } from './lists.ts';
import { races } from './races.ts';
import { records } from './records.ts';
import { refusals } from './refusals.ts';

export type { Clock } from '../../base/index.ts';
export type { Entry, ListOptions, Op, Store } from '../contract.ts';
export type { OpenEmptyStore, StoreCheck, StoreUnderTest } from './check.ts';

/**
 * Everything that the storage contract demands, for any driver and any test runner: each check has a name, and a `run` that
 * rejects when the store does not keep it. Refusals use the codes `store-name-invalid` and `store-value-invalid`.
 */
export const storeContract: readonly StoreCheck[] = [...refusals, ...records, ...lists, ...expiry, ...races];
