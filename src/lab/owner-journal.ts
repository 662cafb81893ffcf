import { existsSync, renameSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { readTextFile } from '../http/index.ts';

const progressSchema = z.record(
  z.string(),
  z.strictObject({
    /** The token that the old SHO gave, base64: kept until it was ordered with. */
    token: z.string().optional(),
    serial: z.string().optional(),
    orderId: z.string().optional(),
    instruction: z.string().optional(),
    instructed: z.boolean().optional(),
    done: z.boolean().optional(),
  }),
);

export type OwnerProgress = z.infer<typeof progressSchema>[string];

/** How far the owner has come with each machine, in a file that is replaced whole: a restart goes on from there. */
export interface OwnerJournal {
  of(m2meId: string): OwnerProgress;
  note(m2meId: string, change: OwnerProgress): void;
  /** Some change was begun and none is unfinished. */
  allDone(): boolean;
}

export function openOwnerJournal(file: string): OwnerJournal {
  const progress = existsSync(file) ? progressSchema.parse(JSON.parse(readTextFile(file))) : {};
  return {
    of: (m2meId) => progress[m2meId] ?? {},
    note(m2meId, change) {
      progress[m2meId] = { ...progress[m2meId], ...change };
      writeFileSync(`${file}.new`, JSON.stringify(progress), { mode: 0o600 });
      renameSync(`${file}.new`, file);
    },
    allDone: () => Object.keys(progress).length > 0 && Object.values(progress).every((one) => one.done === true),
  };
}
