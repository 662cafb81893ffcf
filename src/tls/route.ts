import { type ClientHello, PSK_DHE_KE, TLS12, TLS13 } from './client-hello.ts';
import { parseIdentity, type UaIdentity, type UaKeyChoice } from './identity.ts';
import { type PskSuite, TLS13_PSK_CODES } from './suites.ts';

/** What this NAF takes. */
export interface RouteTerms {
  fqdn: string;
  choices: readonly UaKeyChoice[];
  suites: readonly PskSuite[];
}

/** How a client is served; `identities` as offered, with the octets that the TLS library will ask for. */
export type Route =
  | { kind: 'certificate' }
  | { kind: 'psk-tls12' }
  | { kind: 'psk-tls13'; identities: readonly { text: string; identity: UaIdentity }[] };

/** Identities of one ClientHello that are looked up; a UE has one. */
const MAX_IDENTITIES = 4;
const BY_CERTIFICATE: Route = { kind: 'certificate' };

/**
 * By PSK whoever offers it for this NAF, by certificate all others (TS 33.222 5.3, 5.4). TLS 1.3 whenever the client has it: there
 * the identity must come with the first message, as no hint can be given (RFC 8446 4.2.11).
 */
export function routeOf(hello: ClientHello, { fqdn, choices, suites }: RouteTerms): Route {
  if (hello.serverName !== undefined && hello.serverName.toLowerCase() !== fqdn) return BY_CERTIFICATE;
  if (hello.versions.includes(TLS13)) {
    const possible = hello.pskModes.includes(PSK_DHE_KE) && hello.suites.some((code) => TLS13_PSK_CODES.includes(code));
    const identities = !possible
      ? []
      : hello.pskIdentities.flatMap((octets) => {
          const identity = parseIdentity(octets);
          const taken = identity !== undefined && choices.includes(identity.choice);
          return taken ? [{ text: octets.toString('latin1'), identity }] : [];
        });
    const [first] = identities;
    return first === undefined
      ? BY_CERTIFICATE
      : { kind: 'psk-tls13', identities: identities.slice(0, MAX_IDENTITIES) };
  }
  const offered = hello.versions.includes(TLS12) && suites.some(({ code }) => hello.suites.includes(code));
  return offered ? { kind: 'psk-tls12' } : BY_CERTIFICATE;
}
