import { malformed, Octets } from './octets.ts';

const SERVER_NAME = 0;
const PRE_SHARED_KEY = 41;
const SUPPORTED_VERSIONS = 43;
const PSK_KEY_EXCHANGE_MODES = 45;

const HOST_NAME = 0;
const MAX_HOST_NAME = 253;
export const TLS12 = 0x0303;
export const TLS13 = 0x0304;
/** PSK with (EC)DHE (RFC 8446 4.2.9); the other mode has no forward secrecy. */
export const PSK_DHE_KE = 1;

/** What decides how a client is served; everything else of its ClientHello is left to the TLS library. */
export interface ClientHello {
  /** By supported_versions, or the one that the message itself names. */
  versions: readonly number[];
  suites: readonly number[];
  /** server_name (RFC 6066 3), as sent. */
  serverName: string | undefined;
  /** psk_key_exchange_modes (RFC 8446 4.2.9). */
  pskModes: readonly number[];
  /** Identities of pre_shared_key (RFC 8446 4.2.11): external ones and tickets. */
  pskIdentities: readonly Buffer[];
}

/** Reads the body of a ClientHello (RFC 8446 4.1.2, RFC 5246 7.4.1.2). Throws `tls-malformed`. */
export function parseClientHello(body: Buffer): ClientHello {
  const reader = new Octets(body);
  const legacyVersion = reader.number(2);
  if (legacyVersion >> 8 !== 3) throw malformed('no version of TLS');
  reader.take(32);
  reader.vector(1, 0, 32);
  const suites = Octets.all(reader.vector(2, 2, 0xfffe), (octets) => octets.number(2));
  if (!reader.vector(1, 1, 0xff).includes(0)) throw malformed('the null compression is missing');
  const extensions = reader.left === 0 ? new Map<number, Buffer>() : extensionsOf(reader.vector(2, 0, 0xffff));
  reader.end();
  return {
    suites,
    versions: versionsOf(extensions.get(SUPPORTED_VERSIONS)) ?? [legacyVersion],
    serverName: serverNameOf(extensions.get(SERVER_NAME)),
    pskModes: [...(whole(extensions.get(PSK_KEY_EXCHANGE_MODES), (octets) => octets.vector(1, 1, 0xff)) ?? [])],
    pskIdentities: whole(extensions.get(PRE_SHARED_KEY), identitiesOf) ?? [],
  };
}

function extensionsOf(octets: Buffer): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  Octets.all(octets, (reader) => {
    const type = reader.number(2);
    if (found.has(type)) throw malformed('an extension comes twice');
    if (found.has(PRE_SHARED_KEY)) throw malformed('pre_shared_key is not the last extension');
    found.set(type, reader.vector(2, 0, 0xffff));
  });
  return found;
}

/** What `read` makes of all octets of an extension, if the extension is there. */
function whole<T>(octets: Buffer | undefined, read: (reader: Octets) => T): T | undefined {
  if (octets === undefined) return undefined;
  const reader = new Octets(octets);
  const found = read(reader);
  reader.end();
  return found;
}

function versionsOf(extension: Buffer | undefined): number[] | undefined {
  return whole(extension, (reader) => Octets.all(reader.vector(1, 2, 254), (octets) => octets.number(2)));
}

function serverNameOf(extension: Buffer | undefined): string | undefined {
  const names = whole(extension, (reader) =>
    Octets.all(reader.vector(2, 1, 0xffff), (octets) => ({
      type: octets.number(1),
      name: octets.vector(2, 1, 0xffff),
    })),
  );
  if (names === undefined) return undefined;
  const [host, ...others] = names.filter(({ type }) => type === HOST_NAME);
  if (others.length > 0) throw malformed('more than one host name');
  if (host !== undefined && (host.name.length > MAX_HOST_NAME || !isPrintable(host.name))) {
    throw malformed('server_name is no host name');
  }
  return host?.name.toString('latin1');
}

function identitiesOf(reader: Octets): Buffer[] {
  const identities = Octets.all(reader.vector(2, 7, 0xffff), (octets) => {
    const identity = octets.vector(2, 1, 0xffff);
    octets.take(4);
    return identity;
  });
  const binders = Octets.all(reader.vector(2, 33, 0xffff), (octets) => octets.vector(1, 32, 255));
  if (identities.length !== binders.length) throw malformed('identities and binders do not agree');
  return identities;
}

/** ASCII without blanks and controls. */
export function isPrintable(octets: Uint8Array): boolean {
  return octets.every((octet) => octet > 0x20 && octet < 0x7f);
}
