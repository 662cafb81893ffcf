import { readFileSync } from 'node:fs';
import { type ConnectionOptions, checkServerIdentity } from 'node:tls';
import { z } from 'zod';
import { codeOf, GbaError, messageOf } from '../../base/index.ts';

const timeout = (ms: number) => z.int().min(1).max(600_000).default(ms);

const tlsSchema = z.strictObject({
  /** PEM file: the authority that the server's certificate is verified with. Always verified. */
  ca: z.string().min(1),
  /** The name in the server's certificate, when it is not the host of the URL. */
  serverName: z.string().min(1).optional(),
  /** PEM files: own certificate and key, where the server asks for one. */
  cert: z.string().min(1).optional(),
  key: z.string().min(1).optional(),
});

export const postgresConfigSchema = z
  .strictObject({
    driver: z.literal('postgres'),
    /** `postgres://user:password@host:port/database`, or `env:NAME`: the environment variable that holds it. */
    url: z.string().min(1),
    /** One for each network function (all its instances share it): its records are nobody else's. */
    schema: z.string().regex(/^(?!pg_)[a-z][a-z0-9_]{0,62}$/, 'a word of a-z, 0-9 and _'),
    /** Required unless the server is on this host; `false` where others protect the way there. */
    tls: z.union([z.literal(false), tlsSchema]).optional(),
    maxConnections: z.int().min(1).max(1_000).default(10),
    connectTimeoutMs: timeout(5_000),
    statementTimeoutMs: timeout(10_000),
    idleTimeoutMs: timeout(30_000),
  })
  .superRefine((config, issues) => {
    if (config.url.startsWith('env:')) return;
    try {
      requireProtection(parseAddress(config.url), config.tls);
    } catch (error) {
      if (codeOf(error) !== 'config-invalid') throw error;
      issues.addIssue({ code: 'custom', path: ['url'], message: messageOf(error) });
    }
  });

export type PostgresConfig = z.infer<typeof postgresConfigSchema>;

interface Address {
  host: string;
  port: number;
  user: string;
  database: string;
  /** Left out: PGPASSWORD, a .pgpass file, or none needed. */
  password?: string;
}

/** What `pg` takes, for a pool and for a single connection. */
export interface Connecting extends Address {
  ssl: ConnectionOptions | false;
  connectionTimeoutMillis: number;
  keepAlive: true;
  application_name: string;
}

/** Where and how to connect. Throws `config-invalid` or `config-file-unreadable`, never with a part of the URL. */
export function connectingOf(config: PostgresConfig): Connecting {
  const address = parseAddress(sourceOf(config.url));
  requireProtection(address, config.tls);
  return {
    ...address,
    ssl: sslOf(config.tls, address.host),
    connectionTimeoutMillis: config.connectTimeoutMs,
    keepAlive: true,
    application_name: `gba-authz ${config.schema}`,
  };
}

function sourceOf(url: string): string {
  if (!url.startsWith('env:')) return url;
  const text = process.env[url.slice(4)];
  if (text === undefined) throw new GbaError('config-invalid', `environment variable ${url.slice(4)} is not set`);
  return text.trim();
}

function parseAddress(text: string): Address {
  const invalid = (what: string): GbaError => new GbaError('config-invalid', `the URL of the store ${what}`);
  // No cause anywhere here: what these functions throw holds the text, and with it the password.
  if (!URL.canParse(text)) throw invalid('is none');
  const { protocol, hostname, port, username, password, pathname, searchParams, hash } = new URL(text);
  if (protocol !== 'postgres:' && protocol !== 'postgresql:') throw invalid('does not begin with postgres:');
  for (const name of searchParams.keys()) if (name !== 'host') throw invalid('has a parameter other than host');
  if (hash !== '') throw invalid("has a '#' in it: write %23");
  const plain = (part: string): string => {
    try {
      return decodeURIComponent(part);
    } catch {
      throw invalid('has a broken % escape');
    }
  };
  const host = searchParams.get('host') ?? plain(hostname).replace(/^\[(.*)\]$/, '$1');
  const [user, database] = [plain(username), plain(pathname.slice(1))];
  if (host === '' || user === '' || database === '') throw invalid('names no host, user or database');
  const address = { host, port: port === '' ? 5432 : Number(port), user, database };
  return password === '' ? address : { ...address, password: plain(password) };
}

/** Values are sealed, but names, versions and order are not: on a network they need TLS. */
function requireProtection({ host }: Address, tls: PostgresConfig['tls']): void {
  const local = host.startsWith('/') || host === 'localhost' || host === '::1' || /^127\.[0-9.]+$/.test(host);
  if (tls === undefined && !local) {
    throw new GbaError('config-invalid', 'a store on another host needs tls (or tls: false, where others protect it)');
  }
}

function sslOf(tls: PostgresConfig['tls'], host: string): ConnectionOptions | false {
  if (tls === undefined || tls === false) return false;
  const { ca, cert, key, serverName = host } = tls;
  return {
    ca: readPem(ca),
    ...(cert === undefined ? {} : { cert: readPem(cert) }),
    ...(key === undefined ? {} : { key: readPem(key) }),
    minVersion: 'TLSv1.2',
    rejectUnauthorized: true,
    checkServerIdentity: (_, certificate) => checkServerIdentity(serverName, certificate),
  };
}

function readPem(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new GbaError('config-file-unreadable', `cannot read ${path}`, { cause });
  }
}
