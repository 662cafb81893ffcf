export * from './config.ts';
export * from './look.ts';
export * from './store.ts';
