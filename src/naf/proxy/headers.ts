/** Header fields of one hop only (RFC 9110 7.6.1), and those by which a hop asks for credentials of its own. */
const HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** What only this proxy may say to the server behind it, or what was meant for the proxy alone. */
const OURS_TO_UPSTREAM: ReadonlySet<string> = new Set([
  'x-3gpp-asserted-identity',
  'x-3gpp-authorization-flags',
  'x-3gpp-intended-identity',
  'authorization',
  'expect',
  'forwarded',
  'host',
  'http2-settings',
  'content-length',
]);

/** What this proxy says to the UE, whatever the server behind it would say: these stand for the UE's own credentials. */
const OURS_TO_CLIENT: ReadonlySet<string> = new Set([
  'authentication-info',
  'www-authenticate',
  // What is proven by one subscriber's key is for nobody else (RFC 9111 3.5).
  'cache-control',
  'expires',
  'pragma',
]);

/** Names to their values, in the order of their first appearance; a name may have several values. */
export type Headers = Map<string, string[]>;

/**
 * A name as the least careful server reads it: letter case does not count, and everything but letters and digits is one thing, for
 * CGI and its heirs make `HTTP_X_3GPP_ASSERTED_IDENTITY` of `X_3gpp.Asserted-identity` too.
 */
const folded = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, '-');

function endToEnd(raw: readonly string[], ours: ReadonlySet<string>): Headers {
  const pairs: [string, string][] = [];
  const named = new Set<string>();
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const [name, value] = [(raw[i] ?? '').toLowerCase(), raw[i + 1] ?? ''];
    pairs.push([name, value]);
    if (name === 'connection') for (const option of value.split(',')) named.add(option.trim().toLowerCase());
  }
  const kept: Headers = new Map();
  for (const [name, value] of pairs) {
    const plain = folded(name);
    if (HOP.has(plain) || named.has(name) || ours.has(plain) || plain.startsWith('x-forwarded-')) continue;
    kept.set(name, [...(kept.get(name) ?? []), value]);
  }
  return kept;
}

export interface Hop {
  /** Name of this proxy in Via and Forwarded: the NAF's own name, whatever the client calls it. */
  fqdn: string;
  /** `1.1`. */
  httpVersion: string;
}

export interface RequestHop extends Hop {
  clientAddress: string;
  secure: boolean;
  /** Host header for the server behind. */
  host: string;
  /** Length of the body in octets; `chunked` when it is not known, undefined when there is none. */
  body: number | 'chunked' | undefined;
}

/**
 * The header of the request to the server behind (RFC 9110 7.6): end-to-end fields of the client, without anything that only this
 * proxy may say; then what it says. `assertions` come last, so that nothing of the client's can take them away.
 */
export function requestHeaders(
  raw: readonly string[],
  hop: RequestHop,
  assertions: ReadonlyMap<string, string>,
): Headers {
  const headers = endToEnd(raw, OURS_TO_UPSTREAM);
  headers.set('host', [hop.host]);
  addVia(headers, hop);
  const address = hop.clientAddress.includes(':') ? `"[${hop.clientAddress}]"` : hop.clientAddress;
  headers.set('forwarded', [`for=${address};host=${hop.fqdn};proto=${hop.secure ? 'https' : 'http'}`]);
  if (hop.body === 'chunked') headers.set('transfer-encoding', ['chunked']);
  else if (hop.body !== undefined) headers.set('content-length', [String(hop.body)]);
  for (const [name, value] of assertions) headers.set(name, [value]);
  return headers;
}

/** The header of the answer to the UE. */
export function answerHeaders(raw: readonly string[], hop: Hop): Headers {
  const headers = endToEnd(raw, OURS_TO_CLIENT);
  addVia(headers, hop);
  return headers;
}

function addVia(headers: Headers, { fqdn, httpVersion }: Hop): void {
  headers.set('via', [[...(headers.get('via') ?? []), `${httpVersion} ${fqdn}`].join(', ')]);
}

/** Whether a request has been here before (RFC 9110 7.6.3). */
export function cameThrough(via: string | undefined, fqdn: string): boolean {
  return (via ?? '').split(',').some(
    (hop) =>
      hop
        .trim()
        .split(/[ \t]+/)[1]
        ?.toLowerCase() === fqdn,
  );
}
