import { codeOf, createSealer, every } from '../base/index.ts';
import { createOutbox, deliverOver, type FunctionDeps, portsOf } from '../flow/index.ts';
import { type Listener, listenForBoth, loadSealingKey, loadTls } from '../http/index.ts';
import { createZnClient, gbaAuth, sharedNonces, type ZnClient } from '../naf/index.ts';
import { openStore } from '../store/index.ts';
import type { RoConfig } from './config.ts';
import { createDeliveries } from './deliveries.ts';
import { macListener, operatorListener, uaListener } from './http.ts';
import { createRegistrations } from './registrations.ts';

export interface RunningRo {
  ports: { ua: number; sbi: number };
  close(): Promise<void>;
}

/** The registration operator: download and provisioning, discovery and registration. */
export async function startRo(config: RoConfig, deps: FunctionDeps & { zn?: ZnClient }): Promise<RunningRo> {
  const log = deps.log.child({ fn: config.id });
  const { clock, random, onStep } = deps;
  const { net, timers } = portsOf(deps);
  const tls = loadTls(config.tls);
  const store = deps.store ?? (await openStore(config.store, clock, log));
  const sealingKey = loadSealingKey(config.keyFile);
  const sealer = createSealer(sealingKey, random);
  const ownZn = deps.zn === undefined ? createZnClient({ routes: config.zn, tls, net }) : undefined;
  const zn = deps.zn ?? ownZn;
  if (zn === undefined) throw new TypeError('no Zn client');
  const shos = new Map(config.shos.map(({ id, peer }) => [id, net.createClient({ ...peer, tls })]));
  const outbox = createOutbox({ store, clock, random, timers, log, deliver: deliverOver((to) => shos.get(to), log) });
  const sharing = sharedNonces(config.store, store, sealingKey);
  const plainPskSuites = config.pskTls === 'all';
  const auth = gbaAuth({ fqdn: config.id, zn, clock, random, log, plainPskSuites, ...sharing });
  const registrations = createRegistrations(store, config);
  await registrations.seed();
  const { forget } = auth;
  const deliveries = createDeliveries({
    config,
    store,
    clock,
    sealer,
    zn,
    registrations,
    forget,
    kick: outbox.kick,
    onStep,
  });

  const proven = auth.protect(uaListener(deliveries, registrations, log));
  const byMac = macListener(deliveries, log);
  const device: Listener = (req, res) => (req.url?.startsWith('/ua/') ? proven(req, res) : byMac(req, res));
  const operator = operatorListener(deliveries, registrations, config, log);
  const { operators: sbi, devices: ua } = await listenForBoth(
    net,
    {
      operators: { name: `${config.id} sbi`, at: config.sbi, listener: operator },
      devices: {
        name: `${config.id} ua`,
        at: config.ua,
        listener: device,
        psk: config.pskTls === 'off' ? undefined : auth.psk,
      },
    },
    { tls, log, wrap: deps.wrap },
  );
  outbox.kick();
  const remindNoMore = every(
    timers,
    config.reminderSeconds * 1000,
    () => void deliveries.remind().catch((error: unknown) => log.warn('reminder-failed', { code: codeOf(error) })),
  );
  const closeClients = (): void => {
    for (const client of shos.values()) client.close();
    ownZn?.close();
  };
  return {
    ports: { ua: ua.port, sbi: sbi.port },
    async close() {
      remindNoMore();
      await Promise.all([sbi.close(), ua.close()]);
      await outbox.close(closeClients);
      closeClients();
      if (deps.store === undefined) await store.close();
    },
  };
}
