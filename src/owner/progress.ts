import { z } from 'zod';

/** How a change ended, or why it has not: `failed` is gone on with by the next run, the others are final. */
const endSchema = z.strictObject({
  state: z.enum(['done', 'refused', 'returned', 'failed']),
  /** Stable code; who said it is in the code or obvious. */
  reason: z.string().optional(),
});

/** How far the owner has come with one machine. */
export const progressSchema = z.strictObject({
  /** The new operator that this change is to. */
  to: z.string().optional(),
  /** The machine's local interface, as it was reached last. */
  url: z.string().optional(),
  /** Idempotency key of the release that is being ordered. */
  releaseKey: z.string().optional(),
  serial: z.string().optional(),
  /** The token that the old SHO gave, base64: a secret, kept until the change has ended. */
  token: z.string().optional(),
  /** What the token announces, base64: enough to cancel with. */
  announced: z.string().optional(),
  orderId: z.string().optional(),
  instruction: z.string().optional(),
  instructed: z.boolean().optional(),
  end: endSchema.optional(),
});

export type Progress = z.infer<typeof progressSchema>;
export type End = z.infer<typeof endSchema>;

export type Phase = 'new' | 'released' | 'ordered' | 'instructed' | End['state'];

/** Where a change stands, for counts and reports. */
export function phaseOf(progress: Progress): Phase {
  if (progress.end !== undefined) return progress.end.state;
  if (progress.instructed === true) return 'instructed';
  if (progress.orderId !== undefined) return 'ordered';
  return progress.token === undefined ? 'new' : 'released';
}

/** Nothing is left to do, however the next run is asked. */
export function isSettled(progress: Progress): boolean {
  const phase = phaseOf(progress);
  return phase === 'done' || phase === 'refused' || phase === 'returned';
}
