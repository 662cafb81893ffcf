import { after } from 'node:test';

const open: { close(): Promise<void> | void }[] = [];
after(async () => {
  for (const one of open.reverse()) await one.close();
});

/** Closed after the tests of this file, the last one first. */
export function kept<T extends { close(): Promise<void> | void }>(one: T): T {
  open.push(one);
  return one;
}
