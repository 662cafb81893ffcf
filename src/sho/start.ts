import { codeOf, createSealer, every, GbaError, toHex } from '../base/index.ts';
import {
  createOutbox,
  type Delivery,
  deliverOver,
  type FunctionDeps,
  type OutboxMessage,
  portsOf,
} from '../flow/index.ts';
import { type Listener, listenForBoth, loadSealingKey, loadTls, readTextFile } from '../http/index.ts';
import { createZnClient, gbaAuth, sharedNonces, type ZnClient } from '../naf/index.ts';
import { openStore } from '../store/index.ts';
import { createDeviceCheck, type DeviceCheck, loadSigner, readCertificate, type Signer } from '../x509/index.ts';
import { createBootstraps } from './bootstraps.ts';
import type { ShoConfig } from './config.ts';
import { createContracts } from './contracts.ts';
import { createHssRestored } from './hss-restored.ts';
import { macListener, operatorListener, uaListener } from './http.ts';
import { createLettingGo } from './letting-go.ts';
import { SELF } from './order-book.ts';
import type { OrderDeps } from './order-record.ts';
import { createOrders } from './orders.ts';
import { createPackaging } from './packaging.ts';
import { createPreloads } from './preloads.ts';
import { createReleases } from './releases.ts';
import { createSubscriptions, type OpenSubscription } from './subscriptions.ts';

export interface RunningSho {
  ports: { ua: number; sbi: number };
  close(): Promise<void>;
}

/** How often orders and releases are looked through for tokens that ran out and machines to let go, milliseconds. */
const LAPSE_MS = 60_000;

/** An operator: old SHO for one machine and new SHO for another at the same time. */
export async function startSho(config: ShoConfig, deps: FunctionDeps & { zn?: ZnClient }): Promise<RunningSho> {
  const log = deps.log.child({ fn: config.id });
  const { clock, random, onStep } = deps;
  const { net, timers } = portsOf(deps);
  const tls = loadTls(config.tls);
  const store = deps.store ?? (await openStore(config.store, clock, log));
  const sealingKey = loadSealingKey(config.keyFile);
  const sealer = createSealer(sealingKey, random);
  const hss = net.createClient({ ...config.hss, tls });
  const bsf = net.createClient({ ...config.bsf.admin, tls });
  const peers = new Map([config.ro, config.pva].map(({ id, peer }) => [id, net.createClient({ ...peer, tls })]));
  const ownZn = deps.zn === undefined ? createZnClient({ routes: config.zn, tls, net }) : undefined;
  const zn = deps.zn ?? ownZn;
  if (zn === undefined) throw new TypeError('no Zn client');

  const subscriberPath = (impi: string): string => `/admin/v1/subscribers/${encodeURIComponent(impi)}`;
  const removeSubscriber = async (impi: string): Promise<void> => {
    await hss.call('DELETE', subscriberPath(impi));
    await bsf.call('DELETE', `/admin/v1/contexts?impi=${encodeURIComponent(impi)}`);
  };
  const provision = async ({ impi, amf, k, opc }: OpenSubscription): Promise<void> => {
    const json = { impi, amf, k: toHex(k.bytes()), opc: toHex(opc.bytes()) };
    await hss.call('PUT', subscriberPath(impi), { json });
  };

  const subscriptions = createSubscriptions(store, sealer);
  await subscriptions.seed(config.subscriptions);
  const hssRestored = createHssRestored({ config, store, hss, subscriptions, provision, removeSubscriber, log });
  const contracts = createContracts(config, store);
  const bootstraps = createBootstraps({ config, store, sealer, zn, contracts, onStep });
  const lettingGo = createLettingGo({ config, store, sealer, random, contracts, bootstraps, removeSubscriber, onStep });
  const signers = signersOf(config);
  const files = { authorities: config.deviceAuthorities, crls: config.deviceCrls };
  const checkDevice = createDeviceCheck(files, readTextFile, () => clock.now());
  const verifyDevice: DeviceCheck = (certificate, m2meId) => checkDevice(certificate, m2meId, 'digitalSignature');
  const common = { config, store, clock, random, sealer, contracts, onStep };
  const releases = createReleases({ ...common, bootstraps, verifyDevice, signer: signers[0] });
  const toPeers = deliverOver(
    (to) => peers.get(to),
    log,
    async (message, code): Promise<Delivery> => {
      await orders.refusedByPeer(message.id, code);
      return 'drop';
    },
  );
  const deliver = async (message: OutboxMessage): Promise<Delivery> => {
    if (message.to === SELF) {
      await orders.run(message.path);
      return 'done';
    }
    const delivery = await toPeers(message);
    if (delivery === 'done') await orders.taken(message.id);
    return delivery;
  };
  const outbox = createOutbox({ store, clock, random, timers, log, deliver });
  const pvaKey = readCertificate(readTextFile(config.pva.certificate)).spkiSha256;
  const orderDeps: OrderDeps = { ...common, signers, subscriptions, pvaKey };
  const packaging = createPackaging(orderDeps);
  const preloads = createPreloads(orderDeps, packaging);
  const work = { packaging, preloads, provision, removeSubscriber, verifyDevice };
  const orders = createOrders(orderDeps, work, () => outbox.kick());

  const sharing = sharedNonces(config.store, store, sealingKey);
  const plainPskSuites = config.pskTls === 'all';
  const auth = gbaAuth({ fqdn: config.id, zn, clock, random, log, plainPskSuites, ...sharing });
  const proven = auth.protect(uaListener({ bootstraps, lettingGo }, log));
  const byMac = macListener(lettingGo, log);
  const device: Listener = (req, res) => (req.url?.startsWith('/ua/') ? proven(req, res) : byMac(req, res));
  const operator = operatorListener({ releases, lettingGo, orders, preloads }, config, log);
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
  const lapse = () =>
    void Promise.all([
      orders.lapse(),
      releases.lapse(),
      lettingGo.resume().catch(() => log.warn('resume-postponed')),
    ]).catch((error: unknown) => log.warn('lapse-failed', { code: codeOf(error) }));
  const look = () =>
    void hssRestored.look().catch((error: unknown) => {
      // An HSS that is away is asked again; everybody else says so too.
      if (codeOf(error) !== 'peer-unreachable') log.warn('hss-restored-untold', { code: codeOf(error) });
    });
  const everyMinute = () => {
    lapse();
    look();
  };
  everyMinute();
  const lapseNoMore = every(timers, LAPSE_MS, everyMinute);
  const closeClients = (): void => {
    for (const client of [hss, bsf, ...peers.values()]) client.close();
    ownZn?.close();
  };
  return {
    ports: { ua: ua.port, sbi: sbi.port },
    async close() {
      lapseNoMore();
      await Promise.all([sbi.close(), ua.close()]);
      await outbox.close(closeClients);
      closeClients();
      if (deps.store === undefined) await store.close();
    },
  };
}

/** The first one signs; tokens may name the others too. */
function signersOf({ signing }: ShoConfig): [Signer, ...Signer[]] {
  const load = (files: { cert: string; key: string }): Signer =>
    loadSigner({ cert: readTextFile(files.cert), key: readTextFile(files.key) });
  if (!Array.isArray(signing)) return [load(signing)];
  const [first, ...others] = signing.map(load);
  if (first === undefined) throw new GbaError('config-invalid', 'signing: at least one key');
  return [first, ...others];
}
