import type { Log } from '../base/index.ts';
import { listenBeside, type Net } from './net.ts';
import type { Listener } from './router.ts';
import type { ListenOptions, RunningServer, TlsCredentials } from './server.ts';

/** One of the two: the name that tracing knows it by, where it listens, and what it does. */
interface Half {
  name: string;
  at: Pick<ListenOptions, 'address' | 'port' | 'limits'>;
  listener: Listener;
}

/**
 * The two servers of a function that operators and devices come to: mutual TLS for the former, TLS by the server's certificate,
 * or `psk`, for the latter. Both listen when it resolves, or none.
 */
export async function listenForBoth(
  net: Net,
  { operators, devices }: { operators: Half; devices: Half & { psk?: ListenOptions['psk'] | undefined } },
  { tls, log, wrap = unwrapped }: { tls: TlsCredentials; log: Log; wrap?: Wrap | undefined },
): Promise<{ operators: RunningServer; devices: RunningServer }> {
  const common = { log, tls };
  const first = await net.listen(wrap(operators.name, operators.listener), {
    ...operators.at,
    ...common,
    clientCertificate: 'required',
  });
  const second = await listenBeside(net, first, wrap(devices.name, devices.listener), {
    ...devices.at,
    ...common,
    clientCertificate: 'none',
    ...(devices.psk !== undefined && { psk: devices.psk }),
  });
  return { operators: first, devices: second };
}

type Wrap = (server: string, listener: Listener) => Listener;
const unwrapped: Wrap = (_, listener) => listener;
