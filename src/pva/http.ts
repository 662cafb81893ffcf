import { z } from 'zod';
import type { Log } from '../base/index.ts';
import { createRouter, type Listener, requirePeer } from '../http/index.ts';
import type { PvaConfig } from './config.ts';
import type { Validations } from './validations.ts';

const askSchema = z.strictObject({
  orderId: z.string().min(1).max(64),
  m2meId: z.string().min(1).max(128),
  nonce: z.string().regex(/^[0-9a-f]{64}$/),
});

/** SHOs, by mutual TLS. */
export function shoListener(validations: Validations, config: PvaConfig, log: Log): Listener {
  const names = config.shos.map((sho) => sho.id);
  return createRouter(
    [
      {
        method: 'POST',
        path: '/sho/v1/validations',
        async handle(c) {
          const sho = requirePeer(c.peer, names);
          const request = c.json(askSchema);
          await validations.ask(sho, request);
          log.info('validation-asked', { sho, orderId: request.orderId, m2meId: request.m2meId });
          return { status: 202 };
        },
      },
    ],
    log,
  );
}

/** Machines: they poll for a challenge and post the signed quote. */
export function m2meListener(validations: Validations, log: Log): Listener {
  return createRouter(
    [
      {
        method: 'GET',
        path: '/m2me/v1/challenges',
        async handle(c) {
          const challenge = await validations.challengeOf(c.query.get('m2me') ?? '', c.query.get('sho') ?? '');
          return challenge === undefined ? { status: 204 } : { status: 200, json: challenge };
        },
      },
      {
        method: 'POST',
        path: '/m2me/v1/quotes',
        async handle(c) {
          const verdict = await validations.answer(c.body);
          log.info('quote-judged', { positive: verdict.positive, reason: verdict.reason });
          return { status: 200, json: verdict };
        },
      },
    ],
    log,
  );
}
