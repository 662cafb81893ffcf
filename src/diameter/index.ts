export * from './codec/index.ts';
export { requestHead } from './exchange.ts';
export * from './peer/index.ts';
export * from './zh/messages.ts';
export * from './zn/messages.ts';
