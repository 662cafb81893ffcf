export * from './check.ts';
export * from './confirm.ts';
export * from './export.ts';
export { type Imported, importStore, requireSameFunction, verifyBackup } from './import.ts';
export { type Fault, faultOf } from './inspect.ts';
export * from './kind.ts';
export type { Tally } from './record.ts';
