import { bsfConfigSchema, bsfStoreKind, startBsf } from '../bsf/index.ts';
import type { FunctionDeps } from '../flow/index.ts';
import { hssConfigSchema, hssStoreKind, startHss } from '../hss/index.ts';
import { pageConfigSchema, startPage } from '../lab/index.ts';
import { m2meConfigSchema, m2meStoreKind, startM2me } from '../m2me/index.ts';
import { proxySchema } from '../naf/index.ts';
import { pkiConfigSchema, pkiStoreKind, startPki } from '../pki/index.ts';
import { pvaConfigSchema, pvaStoreKind, startPva } from '../pva/index.ts';
import { roConfigSchema, roStoreKind, startRo } from '../ro/index.ts';
import { shoConfigSchema, shoStoreKind, startSho } from '../sho/index.ts';
import type { StoreKind } from '../store/index.ts';
import { loadConfig } from './config-file.ts';
import { parseUpstream } from './options.ts';

export interface StartedFunction {
  ports: Record<string, number>;
  close(): Promise<void>;
}

export interface FunctionCommand {
  name: string;
  title: string;
  /** An option of this function's own; its value goes to `start`. */
  option?: { flags: string; name: string; description: string; parse(text: string): string };
  /** Reads and checks the configuration; throws `config-invalid`. */
  check(path: string): object;
  /** What is in its store; left out: it has none. */
  store?: StoreKind;
  start(path: string, deps: FunctionDeps, option?: string): Promise<StartedFunction>;
}

/** The network functions that can run alone, each from its own file. */
export const FUNCTIONS = [
  {
    name: 'hss',
    title: 'the HSS for labs: subscribers, vectors, resynchronisation',
    check: (path) => loadConfig(path, hssConfigSchema),
    store: hssStoreKind,
    start: (path, deps) => startHss(loadConfig(path, hssConfigSchema), deps),
  },
  {
    name: 'bsf',
    title: 'the Bootstrapping Server Function: Ub for phones and machines, Zn for NAFs',
    check: (path) => loadConfig(path, bsfConfigSchema),
    store: bsfStoreKind,
    start: (path, deps) => startBsf(loadConfig(path, bsfConfigSchema), deps),
  },
  {
    name: 'naf',
    title: 'a NAF with one page, to try a phone or a BSF with, or an authentication proxy',
    option: {
      flags: '--proxy <url>',
      name: 'proxy',
      description: 'be an authentication proxy in front of this HTTP server (TS 33.222), instead of a page',
      parse: parseUpstream,
    },
    check: (path) => loadConfig(path, pageConfigSchema),
    async start(path, deps, upstream) {
      const config = loadConfig(path, pageConfigSchema);
      const proxy = upstream === undefined ? {} : { proxy: proxySchema.parse({ ...config.proxy, upstream }) };
      const page = await startPage({ ...config, ...proxy }, deps);
      return { ports: { http: page.port }, close: page.close };
    },
  },
  {
    name: 'sho',
    title: 'an operator (old and new SHO) for operator changes',
    check: (path) => loadConfig(path, shoConfigSchema),
    store: shoStoreKind,
    start: (path, deps) => startSho(loadConfig(path, shoConfigSchema), deps),
  },
  {
    name: 'ro',
    title: 'the registration operator: download, provisioning, discovery',
    check: (path) => loadConfig(path, roConfigSchema),
    store: roStoreKind,
    start: (path, deps) => startRo(loadConfig(path, roConfigSchema), deps),
  },
  {
    name: 'pva',
    title: 'the platform validation authority',
    check: (path) => loadConfig(path, pvaConfigSchema),
    store: pvaStoreKind,
    start: (path, deps) => startPva(loadConfig(path, pvaConfigSchema), deps),
  },
  {
    name: 'pki',
    title: 'the PKI portal: certificates for machines over GBA, and their revocation list',
    check: (path) => loadConfig(path, pkiConfigSchema),
    store: pkiStoreKind,
    start: (path, deps) => startPki(loadConfig(path, pkiConfigSchema), deps),
  },
  {
    name: 'm2me',
    title: 'a machine with its TRE',
    check: (path) => loadConfig(path, m2meConfigSchema),
    store: m2meStoreKind,
    start: (path, deps) => startM2me(loadConfig(path, m2meConfigSchema), deps),
  },
] as const satisfies readonly FunctionCommand[];
