import { z } from 'zod';
import { type SpaceKind, space } from '../store/index.ts';
import type { OutboxMessage } from './outbox.ts';

/** The outbox in a backup: which messages are sent again by a restored store. Receivers take a repeat as one message. */
export const outboxKind = (staying: (message: OutboxMessage) => boolean): SpaceKind =>
  space<OutboxMessage>(z.looseObject({ id: z.string(), to: z.string(), method: z.string(), path: z.string() }), {
    restore: (message) => (staying(message) ? message : undefined),
  });
