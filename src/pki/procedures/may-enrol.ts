import type { GbaIdentity } from '../../naf/index.ts';

export interface EnrolPolicy {
  subscribers: readonly { impi: string; subjects: readonly string[] }[];
  uss?: { gsId: number; flag: number } | undefined;
}

/**
 * Who asks: a subscriber that the operator lets enrol, by configuration and by its user security settings (TS 24.109 E.4).
 * Gives the subjects that this one may enrol, or the code of the refusal.
 */
export function mayEnrol(
  { impi, uss = [] }: GbaIdentity,
  policy: EnrolPolicy,
): { impi: string; subjects: readonly string[] } | { refused: string } {
  const subscriber = policy.subscribers.find((one) => one.impi === impi);
  if (subscriber === undefined) return { refused: 'enrolment-forbidden' };
  const wanted = policy.uss;
  const flagged = uss.some(
    ({ gsId, flags = [] }) => gsId === wanted?.gsId && flags.some(({ flag }) => flag === wanted.flag),
  );
  return wanted === undefined || flagged ? subscriber : { refused: 'enrolment-forbidden' };
}
