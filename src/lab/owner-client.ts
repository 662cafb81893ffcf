export * from '../owner/index.ts';
