import { codeOf, every } from '../base/index.ts';
import { type FunctionDeps, portsOf } from '../flow/index.ts';
import { UA_PKI_PORTAL } from '../gba/index.ts';
import { loadTls } from '../http/index.ts';
import { createZnClient, gbaAuth } from '../naf/index.ts';
import { openAuthority } from './authority.ts';
import type { PkiConfig } from './config.ts';
import { ENROLMENT_LIMIT, portalListener } from './http.ts';

/** How often at least it is looked whether a new revocation list is due. */
const LOOK_MS = 60_000;

export interface RunningPki {
  ports: { ua: number };
  close(): Promise<void>;
}

/** The PKI portal of an operator: a NAF that certifies keys of the operator's subscribers, and its revocation list. */
export async function startPki(config: PkiConfig, deps: FunctionDeps): Promise<RunningPki> {
  const log = deps.log.child({ fn: config.fqdn });
  const { net, timers } = portsOf(deps);
  const tls = loadTls(config.tls);
  const authority = await openAuthority(config, { ...deps, log });
  const zn = createZnClient({ routes: config.zn, tls, net });
  try {
    await authority.crlList.refresh();
    const auth = gbaAuth({
      fqdn: config.fqdn,
      zn,
      clock: deps.clock,
      random: deps.random,
      log,
      algorithm: config.algorithm,
      uaId: UA_PKI_PORTAL,
      // Inside TLS as well: the UE believes an answer that Ks_NAF signed (TS 24.109 E.4).
      qop: 'auth-int',
      bodyLimit: ENROLMENT_LIMIT,
      ...(config.uss === undefined ? {} : { gsIds: [config.uss.gsId] }),
    });
    const { certificate, certificates, crlList } = authority;
    const listener = portalListener({ config, auth, authority: certificate, certificates, crlList, log });
    const server = await net.listen(deps.wrap?.(`${config.fqdn} ua`, listener) ?? listener, {
      ...config.ua,
      log,
      ...(config.https ? { tls, clientCertificate: 'none' as const } : {}),
    });
    const look = () => crlList.refresh().catch((error: unknown) => log.error('crl-failed', { code: codeOf(error) }));
    const lookNoMore = every(timers, Math.min(LOOK_MS, config.crlSeconds * 250), () => void look());
    return {
      ports: { ua: server.port },
      async close() {
        lookNoMore();
        await server.close();
        zn.close();
        await authority.close();
      },
    };
  } catch (error) {
    zn.close();
    await authority.close();
    throw error;
  }
}
