import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { codeOf, messageOf, systemClock } from '../../base/index.ts';
import { listenSchema, loadSealingKey, signingFilesSchema, tlsFilesSchema } from '../../http/index.ts';
import { storeConfigSchema } from '../../store/index.ts';
import { FUNCTIONS } from '../functions.ts';
import {
  probeCertificate,
  probeClock,
  probeFile,
  probeFolder,
  probePair,
  probePort,
  probePskTls,
  probeStore,
  probeTls,
} from './probes.ts';

export interface Finding {
  what: string;
  ok: boolean;
  detail: string;
}

interface Probe {
  what: string;
  work: () => string | Promise<string>;
  /** What to do when it fails. */
  advice: string;
}

const ADVICE = {
  certificate: 'Renew it, or point to the right files',
  port: 'Stop what uses it (this function, if it runs), or change the configuration',
  folder: 'Check the folder and its rights',
  database: 'Check the server, its log, and what the store section of docs/operations.md asks for',
  file: 'Check the path and its rights',
} as const;

/** Everything that can be found out about a function before it is started, without changing anything. */
export async function examine(name: string, path: string): Promise<Finding[]> {
  const fn = FUNCTIONS.find((one) => one.name === name);
  let config: object;
  try {
    config = fn?.check(path) ?? {};
  } catch (error) {
    const wrong = codeOf(error) === 'config-invalid';
    const advice = wrong ? 'Correct what is named; docs/operations.md lists all members' : ADVICE.file;
    return [failed({ what: 'configuration', advice }, error)];
  }
  const findings: Finding[] = [{ what: 'configuration', ok: true, detail: 'valid' }];
  const now = systemClock.now();
  const clock = { what: 'clock', work: () => probeClock(now), advice: 'Set it: tokens and keys have validity times' };
  const probes = Object.entries(config).flatMap(([member, value]) => probesOf(name, config, member, value, now));
  for (const probe of [clock, ...probes]) {
    try {
      findings.push({ what: probe.what, ok: true, detail: await probe.work() });
    } catch (error) {
      findings.push(failed(probe, error));
    }
  }
  return findings;
}

function failed({ what, advice }: Pick<Probe, 'what' | 'advice'>, error: unknown): Finding {
  return { what, ok: false, detail: `${codeOf(error)}: ${messageOf(error)}. ${advice}` };
}

/** What there is to find out about one member: by its form where several functions share it, else by its name. */
function probesOf(fn: string, config: object, member: string, value: unknown, now: number): Probe[] {
  const certificate = (work: () => string, what = `${member} certificate`): Probe[] => [
    { what, work, advice: ADVICE.certificate },
  ];
  const tls = tlsFilesSchema.safeParse(value);
  if (tls.success) return certificate(() => probeTls(tls.data, now, serverName(fn, config)));
  const pair = signingFilesSchema.safeParse(value);
  if (pair.success) return certificate(() => probePair(pair.data, now, fn === 'm2me' ? idOf(config) : undefined));
  const store = storeConfigSchema.safeParse(value);
  if (store.success) {
    const advice = store.data.driver === 'postgres' ? ADVICE.database : ADVICE.folder;
    return [{ what: member, work: () => probeStore(store.data), advice }];
  }
  const listens = listenSchema.safeParse(value);
  if (listens.success) return [{ what: `${member} port`, work: () => probePort(listens.data), advice: ADVICE.port }];

  const pinned = z.object({ certificate: z.string() }).safeParse(value);
  if (pinned.success) return certificate(() => probeCertificate(pinned.data.certificate, now));
  if (member === 'manufacturers') {
    return z
      .array(z.string())
      .parse(value)
      .flatMap((path) => certificate(() => probeCertificate(path, now), `manufacturer ${path}`));
  }
  const oauth = z.object({ issuer: z.string(), keyFile: z.string() }).safeParse(value);
  if (oauth.success) {
    return [{ what: `${member} key`, work: () => probeFile(oauth.data.keyFile), advice: ADVICE.file }];
  }
  return typeof value === 'string' ? probesOfPath(config, member, value, now) : [];
}

function probesOfPath(config: object, member: string, path: string, now: number): Probe[] {
  switch (member) {
    case 'keyFile': {
      const work = (): string => `${loadSealingKey(path).length} octets`;
      return [{ what: 'sealing key', work, advice: '64 hexadecimal digits in a file, or env:NAME' }];
    }
    case 'ca':
      return [{ what: 'ca certificate', work: () => probeCertificate(path, now), advice: ADVICE.certificate }];
    case 'pskTls': {
      const { zn } = z.object({ zn: z.array(z.object({ bsf: z.string() })) }).parse(config);
      const work = (): string =>
        probePskTls(
          path,
          zn.map(({ bsf }) => bsf),
        );
      return [{ what: 'PSK TLS', work, advice: 'A BSF needs a shorter name, or pskTls: off' }];
    }
    case 'treDir':
      return [{ what: member, work: () => probeFolder(path), advice: ADVICE.folder }];
    case 'crlFile':
      return [{ what: member, work: () => probeFolder(dirname(path)), advice: ADVICE.folder }];
    case 'subscribersFile':
      return [{ what: member, work: () => probeFile(path), advice: `${ADVICE.file}; once imported, take it out` }];
    case 'initialMcim': {
      const { treDir } = z.object({ treDir: z.string() }).parse(config);
      const work = (): string => (existsSync(treDir) ? 'not needed any more' : probeFile(path));
      return [{ what: member, work, advice: ADVICE.file }];
    }
    default:
      return [];
  }
}

const idOf = (config: object): string | undefined => z.object({ id: z.string() }).safeParse(config).data?.id;

/** The name that others know these by must be in the certificate; HSS, BSF and NAF may be reached under another. */
function serverName(fn: string, config: object): string | undefined {
  if (fn === 'pki') return z.object({ fqdn: z.string() }).safeParse(config).data?.fqdn;
  return ['sho', 'ro', 'pva'].includes(fn) ? idOf(config) : undefined;
}
