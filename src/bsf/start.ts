import { createSealer, createTally, fromHex, GbaError } from '../base/index.ts';
import { type DiameterNode, startDiameterNode, ZH_APPLICATION, ZN_APPLICATION } from '../diameter/index.ts';
import { type FunctionDeps, portsOf } from '../flow/index.ts';
import {
  type Listener,
  type ListenOptions,
  loadSealingKey,
  loadTls,
  type Net,
  readTextFile,
  type TlsCredentials,
} from '../http/index.ts';
import { openStore } from '../store/index.ts';
import type { AvSource } from './av-source.ts';
import { createBearerCheck } from './bearer.ts';
import { createBootstrapService } from './bootstrap-service.ts';
import type { BsfConfig } from './config.ts';
import { createGussCopies, type GussCopies } from './guss-copies.ts';
import { createHssClient } from './hss-client.ts';
import type { Stopwatch } from './pace.ts';
import { createSbiListener } from './sbi.ts';
import { createUbListener } from './ub.ts';
import { createZhClient } from './zh-client.ts';
import { createZnService } from './zn-server.ts';

export interface BsfDeps extends FunctionDeps {
  /** Instead of the HSS that the configuration names: vectors from the same process. */
  avSource?: AvSource;
  /** Instead of real time, for the pace of answers at Ub. */
  stopwatch?: Stopwatch;
}

export interface RunningBsf {
  ports: { ub: number; sbi: number; ubHttps?: number; diameter?: number };
  close(): Promise<void>;
}

/** A BSF (Bootstrapping Server Function, TS 33.220) with its Ub servers, over HTTP and HTTPS, and its SBI server. */
export async function startBsf(config: BsfConfig, deps: BsfDeps): Promise<RunningBsf> {
  const { clock, random, log } = deps;
  const { net } = portsOf(deps);
  const tls = loadTls(config.tls);
  const sealer = createSealer(loadSealingKey(config.keyFile), random);
  const bearer = config.oauth === undefined ? undefined : createBearerCheck(config.oauth, clock);
  const store = deps.store ?? (await openStore(config.store, clock, log));
  const closeStore = async (): Promise<void> => {
    if (deps.store === undefined) await store.close();
  };
  const zn = createZnService(config.nafs, { store, sealer, clock, log });
  const applications = [ZH_APPLICATION, ZN_APPLICATION];
  const diameter =
    config.diameter &&
    (await startDiameterNode(config.diameter, applications, [zn], { clock, random, log, tls }).catch(
      async (error: unknown) => {
        await closeStore();
        throw error;
      },
    ));
  const copies = createGussCopies(store, clock);
  const avSource = deps.avSource ?? avSourceOf(config, diameter, copies, { tls, net });
  const service = createBootstrapService(
    { ...config, unknownAmf: fromHex(config.unknownAmf, 2) },
    { store, sealer, avSource, clock, random, log, stopwatch: deps.stopwatch },
  );
  const overloads = createTally(log, 'ub-overload', clock);
  const opened: { close(): Promise<void> }[] = [];
  const open = async (name: string, listener: Listener, options: ListenOptions): Promise<number> => {
    const server = await net.listen(deps.wrap?.(name, listener) ?? listener, { ...options, log });
    opened.push(server);
    return server.port;
  };
  const close = async () => {
    // What is under way may still need the HSS.
    await Promise.all(opened.map((server) => server.close()));
    await diameter?.close();
    overloads.flush();
    if (deps.avSource === undefined) avSource.close?.();
    await closeStore();
  };
  try {
    const ubListener = createUbListener(config.name, service, { log, overloads });
    const ub = await open(`${config.name} ub`, ubListener, config.ub);
    const ubHttps =
      config.ubHttps &&
      (await open(`${config.name} ub https`, ubListener, { ...config.ubHttps, tls: ubTls(config, tls) }));
    const sbi = await open(`${config.name} sbi`, createSbiListener(config, { store, sealer, clock, log, bearer }), {
      ...config.sbi,
      tls,
      clientCertificate: 'required',
    });
    const ports = {
      ub,
      sbi,
      ...(ubHttps !== undefined && { ubHttps }),
      ...(diameter?.port !== undefined && { diameter: diameter.port }),
    };
    return { ports, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function ubTls({ ubCertificate }: BsfConfig, own: TlsCredentials): TlsCredentials {
  if (ubCertificate === undefined) return own;
  return { ...own, cert: readTextFile(ubCertificate.cert), key: readTextFile(ubCertificate.key) };
}

/** What carries Zh is a matter of configuration; nobody behind this knows. */
function avSourceOf(
  { hss }: BsfConfig,
  diameter: DiameterNode | undefined,
  copies: GussCopies,
  { tls, net }: { tls: TlsCredentials; net: Net },
): AvSource {
  if ('url' in hss) return createHssClient(hss, tls, net);
  if (diameter === undefined) throw new GbaError('config-invalid', 'hss.diameter needs the member diameter');
  return createZhClient(diameter, hss.diameter, copies);
}
