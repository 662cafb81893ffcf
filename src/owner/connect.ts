import { setMaxListeners } from 'node:events';
import { type Clock, type Random, RETRY } from '../base/index.ts';
import { loadTls, readTextFile } from '../http/index.ts';
import { loadSigner } from '../x509/index.ts';
import type { OwnerTools } from './change.ts';
import type { OwnerConfig } from './config.ts';
import { createGate, gated } from './gate.ts';
import { openOwnerJournal } from './journal.ts';
import { createOperatorClient, type OperatorClient } from './operator-client.ts';

/** Signing keys of the new operator are asked for anew after this: they may roll over during a long run. */
const KEYS_FOR_MS = 60_000;

export interface Connected {
  tools: OwnerTools;
  close(): Promise<void>;
}

/** Everything a configuration names, ready to work with. Throws `config-file-unreadable`, `key-invalid`, `store-unavailable`. */
export async function connectOwner(
  config: OwnerConfig,
  world: { clock: Clock; random: Random; signal?: AbortSignal },
): Promise<Connected> {
  const { clock, random, signal } = world;
  // Every waiting machine listens to it.
  if (signal !== undefined) setMaxListeners(0, signal);
  const tls = loadTls(config.tls);
  const signing = config.signing ?? config.tls;
  const signer = loadSigner({ cert: readTextFile(signing.cert), key: readTextFile(signing.key) });
  const operator = ({ peer }: OwnerConfig['oldOperator']): OperatorClient => {
    const gate = createGate({ parallel: config.perOperator, pause: RETRY.operatorBusy, clock, random, signal });
    return gated(createOperatorClient({ ...peer, tls }), gate, clock, KEYS_FOR_MS);
  };
  const journal = await openOwnerJournal(config.journal, clock);
  const oldSho = operator(config.oldOperator);
  const newSho = operator(config.newOperator);
  const tools: OwnerTools = {
    oldSho,
    newSho,
    newShoId: config.newOperator.id,
    roId: config.roId,
    pvaId: config.pvaId,
    signer,
    journal,
    clock,
    wallClock: clock,
    random,
    pace: RETRY.owner,
    ...(signal === undefined ? {} : { signal }),
  };
  return {
    tools,
    async close() {
      oldSho.close();
      newSho.close();
      await journal.close();
    },
  };
}
