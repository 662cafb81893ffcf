import { createOutbox, deliverOver, type FunctionDeps, portsOf } from '../flow/index.ts';
import { listenForBoth, loadTls, readTextFile } from '../http/index.ts';
import { openStore } from '../store/index.ts';
import { createDeviceCheck, loadSigner } from '../x509/index.ts';
import type { PvaConfig } from './config.ts';
import { m2meListener, shoListener } from './http.ts';
import { createValidations } from './validations.ts';

export interface RunningPva {
  ports: { m2me: number; sbi: number };
  close(): Promise<void>;
}

/** The platform validation authority: machines poll and answer, SHOs ask and are told by the outbox. */
export async function startPva(config: PvaConfig, deps: FunctionDeps): Promise<RunningPva> {
  const log = deps.log.child({ fn: config.id });
  const { net, timers } = portsOf(deps);
  const tls = loadTls(config.tls);
  const store = deps.store ?? (await openStore(config.store, deps.clock, log));
  const clients = new Map(config.shos.map(({ id, peer }) => [id, net.createClient({ ...peer, tls })]));
  const outbox = createOutbox({ ...deps, timers, store, log, deliver: deliverOver((to) => clients.get(to), log) });
  const validations = createValidations({
    store,
    clock: deps.clock,
    config,
    signer: loadSigner({ cert: readTextFile(config.signing.cert), key: readTextFile(config.signing.key) }),
    checkDevice: createDeviceCheck({ authorities: config.manufacturers, crls: config.crls }, readTextFile, () =>
      deps.clock.now(),
    ),
    kick: outbox.kick,
    onStep: deps.onStep,
  });
  const { operators: sbi, devices: m2me } = await listenForBoth(
    net,
    {
      operators: { name: `${config.id} sbi`, at: config.sbi, listener: shoListener(validations, config, log) },
      devices: { name: `${config.id} m2me`, at: config.m2me, listener: m2meListener(validations, log) },
    },
    { tls, log, wrap: deps.wrap },
  );
  outbox.kick();
  const closeClients = (): void => {
    for (const client of clients.values()) client.close();
  };
  return {
    ports: { m2me: m2me.port, sbi: sbi.port },
    async close() {
      await Promise.all([sbi.close(), m2me.close()]);
      await outbox.close(closeClients);
      closeClients();
      if (deps.store === undefined) await store.close();
    },
  };
}
