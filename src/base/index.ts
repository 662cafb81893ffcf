export * from './bytes.ts';
export * from './environment.ts';
export * from './errors.ts';
export * from './log.ts';
export * from './retry.ts';
export * from './sealer.ts';
export * from './secret-key.ts';
export * from './timers.ts';
