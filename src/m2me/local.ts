import { fromHex, GbaError, toHex } from '../base/index.ts';
import { createRouter, type Listener, type RequestContext } from '../http/index.ts';
import { changeFlow } from './change-flow.ts';
import type { InstructionAnswer } from './instruct.ts';
import type { Machine } from './machine.ts';
import type { ContextInfo } from './tre/index.ts';

const INSTRUCTION_LIMIT = 16 * 1024;

export interface LocalActions {
  instruct(octets: Uint8Array): Promise<InstructionAnswer>;
  bootstrap(): Promise<ContextInfo>;
}

/** The owner's local interface (step 2): instructions are believed by their signature, not by who brings them. */
export function localListener(machine: Machine, actions: LocalActions): Listener {
  return createRouter(
    [
      {
        method: 'POST',
        path: '/local/v1/instructions',
        bodyLimit: INSTRUCTION_LIMIT,
        handle: async ({ body }) => ({ status: 201, json: await actions.instruct(body) }),
      },
      { method: 'GET', path: '/local/v1/status', handle: async () => ({ status: 200, json: await statusOf(machine) }) },
      {
        method: 'POST',
        path: '/local/v1/bootstrap',
        async handle({ query }) {
          const { btid, expiresAt, bsf } = await actions.bootstrap();
          return { status: 200, json: { btid, expiresAt, bsf, ...(await revealed(machine, query, btid)) } };
        },
      },
    ],
    machine.log,
  );
}

/** Lab only: the key of one NAF for the new context, when the configuration allows to show it. */
async function revealed(machine: Machine, query: RequestContext['query'], btid: string) {
  if (query.get('reveal') === null) return {};
  if (!machine.config.revealKeys) throw new GbaError('forbidden', 'this machine does not show keys');
  const naf = query.get('naf');
  const uaId = query.get('uaId');
  if (naf === null || uaId === null) throw new GbaError('query-invalid', 'naf and uaId are needed');
  const keys = await machine.tre.nafKeys(naf, fromHex(uaId, 5, 'uaId'));
  const ksNaf = keys.find((key) => key.btid === btid)?.ksNaf;
  return ksNaf === undefined ? {} : { ksNaf: toHex(ksNaf.bytes()) };
}

async function statusOf(machine: Machine) {
  const identity = machine.tre.identity();
  const changes = (await machine.journal.changes()).sort((a, b) => b.number - a.number);
  const change = changes.find(({ state }) => !changeFlow.isFinal(state)) ?? changes[0];
  return {
    m2meId: machine.config.id,
    ...(identity !== undefined && { impi: identity.impi, operator: identity.sho.id }),
    ...(machine.nextPollAt !== undefined && { nextPollAt: machine.nextPollAt }),
    ...(change !== undefined && {
      change: {
        serial: change.serial,
        state: change.state,
        number: change.number,
        since: change.since,
        newSho: change.claims.newSho.id,
        ...(change.reason !== undefined && { reason: change.reason }),
        ...lastRefusal(machine, change.serial),
      },
    }),
  };
}

function lastRefusal(machine: Machine, serial: string): { lastRefusal?: string } {
  const reason = machine.refusals.get(serial);
  return reason === undefined ? {} : { lastRefusal: reason };
}
