export * from './codec/index.ts';
export * from './peer/index.ts';
