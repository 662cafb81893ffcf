export { applicationAvp } from './capabilities.ts';
export * from './config.ts';
export type { TlsFiles as DiameterTls } from './connection.ts';
export { type DiameterDeps, type DiameterNode, startDiameterNode } from './node.ts';
export type { Service } from './server.ts';
