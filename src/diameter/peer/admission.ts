import {
  DESTINATION_HOST,
  DESTINATION_REALM,
  DiameterRefusal,
  get,
  getAll,
  type Identity,
  type Message,
  ORIGIN_HOST,
  RESULT,
  ROUTE_RECORD,
} from '../codec/index.ts';
import { sameHost } from './capabilities.ts';

/**
 * Is this request for us, and may this peer bring it (RFC 6733 6.1.3 to 6.1.6)? An agent brings requests of others, any other
 * peer only its own. This node forwards nothing. Throws `DiameterRefusal` 3005, 3002, 3003, 5003.
 */
export function admit(request: Message, local: Identity, peer: { host: string; agent: boolean }): void {
  const { avps } = request;
  if (getAll(avps, ROUTE_RECORD).some((host) => sameHost(host, local.host))) {
    throw new DiameterRefusal(RESULT.LOOP_DETECTED, 'the request has been here before');
  }
  const host = get(avps, DESTINATION_HOST);
  if (host !== undefined && !sameHost(host, local.host)) {
    throw new DiameterRefusal(RESULT.UNABLE_TO_DELIVER, 'the request is for another host');
  }
  const realm = get(avps, DESTINATION_REALM);
  if (host === undefined && realm !== undefined && !sameHost(realm, local.realm)) {
    throw new DiameterRefusal(RESULT.REALM_NOT_SERVED, 'the request is for another realm');
  }
  if (!peer.agent && !sameHost(get(avps, ORIGIN_HOST), peer.host)) {
    throw new DiameterRefusal(RESULT.AUTHORIZATION_REJECTED, 'this peer may not bring requests of others');
  }
}
