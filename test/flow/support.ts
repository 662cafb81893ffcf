import type { OutboxMessage } from '../../src/flow/index.ts';

export const message = (id: string): OutboxMessage => ({ id, to: 'peer', method: 'POST', path: '/x', json: { id } });

/** A clock that tests set. */
export const settable = () => {
  const clock = { at: 1_000, now: () => clock.at };
  return clock;
};
