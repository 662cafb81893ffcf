export * from './codec/index.ts';
export { requestHead } from './exchange.ts';
export { buildGuss, buildUssList, type GussFields, parseGuss, parseUssList, type UssFields } from './guss-xml.ts';
export * from './peer/index.ts';
export * from './zh/messages.ts';
export * from './zn/messages.ts';
