import { codeOf, type Log, SecretKey } from '../base/index.ts';
import type { PskSource } from '../tls/index.ts';
import type { Sessions } from './sessions.ts';

interface PskOptions {
  fqdn: string;
  uicc?: boolean;
  plainPskSuites?: boolean;
}

/** The sessions of a NAF as a source of keys for PSK TLS: one look-up at the BSF serves handshakes and requests. */
export function pskSourceOf({ fqdn, uicc, plainPskSuites }: PskOptions, sessions: Sessions, log: Log): PskSource {
  return {
    fqdn,
    choices: uicc === true ? ['uicc', 'me'] : ['me'],
    ...(plainPskSuites !== undefined && { plainSuites: plainPskSuites }),
    async find({ btid, choice }, uaId) {
      try {
        const { key } = await sessions.find(btid, uaId, choice);
        return key && SecretKey.copyOf(key.bytes());
      } catch (error) {
        const code = codeOf(error);
        if (code !== 'btid-unknown' && code !== 'key-expired') throw error;
        return undefined;
      }
    },
    refused: (code) => log.info('ua-refused', { code, method: 'TLS' }),
  };
}
