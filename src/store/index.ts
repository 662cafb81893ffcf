export * from './backup/index.ts';
export * from './contract.ts';
export * from './lmdb.ts';
export * from './memory.ts';
export * from './open.ts';
export * from './postgres/index.ts';
export * from './scoped.ts';
