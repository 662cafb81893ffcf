import { fromHex, GbaError, toHex } from '../base/index.ts';
import {
  type Answer,
  authenticationInfoResultSchema,
  gbaSubscriberDataSchema,
  generateAuthDataPath,
  type Net,
  type PeerConfig,
  subscriberDataPath,
  systemNet,
  type TlsCredentials,
  ueIdOfImpi,
} from '../http/index.ts';
import type { AvSource, SubscriberVector } from './av-source.ts';

/** Vectors and GUSS from an HSS by Nhss_gbaUEAU and Nhss_gbaSDM (TS 29.562); two calls stand for one Zh exchange. */
export function createHssClient(peer: PeerConfig, tls: TlsCredentials, net: Net = systemNet): AvSource {
  const client = net.createClient({ url: peer.url, serverName: peer.serverName, tls });
  return {
    async fetch({ impi, resync }) {
      const ueId = ueIdOfImpi(impi);
      const [vector, data] = await Promise.all([
        client.send('POST', generateAuthDataPath(ueId), {
          json: {
            authenticationScheme: 'DIGEST_AKAV1_MD5',
            ...(resync && { resynchronizationInfo: { rand: toHex(resync.rand), auts: toHex(resync.auts) } }),
          },
        }),
        client.send('GET', subscriberDataPath(ueId)),
      ]);
      if (vector.status !== 200) throw refusal(vector, resync !== undefined);
      return read(impi, vector, data);
    },
    close: () => client.close(),
  };
}

/**
 * The status decides: causes differ between vendors (the error tables of TS 29.562 leave them open). What no operator's
 * data explains (a redirection, our own certificate or request refused) is never taken for a subscriber's failure.
 */
function refusal({ status }: Answer, resync = false): GbaError {
  if (status === 404) return new GbaError('user-unknown', 'the HSS does not know this subscriber');
  if (status >= 500 || status === 429) {
    return new GbaError('peer-unreachable', `the HSS answered ${status}`, { retryable: true });
  }
  if (resync && (status === 400 || status === 403)) {
    return new GbaError('auts-refused', 'the HSS refused the resynchronisation');
  }
  if (status === 403) return new GbaError('user-not-allowed', 'the HSS gives no vector for this subscriber');
  return new GbaError('peer-refused', `the HSS answered ${status}`);
}

function read(asked: string, vector: Answer, data: Answer): SubscriberVector {
  const { impi, '3gAkaAv': av } = vector.json(authenticationInfoResultSchema);
  // A subscriber may have no GUSS; one that may not use GBA is refused here or with the vector (TS 29.562 5.5.2.2.2).
  if (data.status !== 200 && data.status !== 404) throw refusal(data);
  const guss = data.status === 200 ? data.json(gbaSubscriberDataSchema).guss : undefined;
  return {
    impi: impi ?? asked,
    rand: fromHex(av.rand),
    autn: fromHex(av.autn),
    xres: fromHex(av.xres),
    ck: fromHex(av.ck),
    ik: fromHex(av.ik),
    uiccType: guss?.bsfInfo?.uiccType === 'GBA_U' ? 'GBA_U' : 'GBA',
    ...(guss?.bsfInfo?.lifeTime !== undefined && { keyLifetimeSeconds: guss.bsfInfo.lifeTime }),
    ...(guss?.ussList !== undefined && { uss: guss.ussList.map((item) => item.uss) }),
  };
}
