export * from './define.ts';
export * from './deliver.ts';
export * from './deps.ts';
export * from './outbox.ts';
export * from './outbox-kind.ts';
