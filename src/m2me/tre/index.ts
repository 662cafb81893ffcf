export { type Disk, type DiskFile, systemDisk } from './disk.ts';
export { createDurableFiles, type DurableFiles } from './durable-file.ts';
export { createTurns } from './in-turn.ts';
export type { DiscardRecord, Pins } from './pins.ts';
export type { Domain } from './slots.ts';
export { type Identity, openTre, type Tre, type TreOptions } from './tre.ts';
export type { ContextInfo, NafKey, TreAnswer } from './usim.ts';
