import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { Log, LogFields } from '../../src/base/index.ts';
import { type Answer, createClient, type Listener, loadTls, readTextFile } from '../../src/http/index.ts';
import type { Lab } from '../../src/lab/index.ts';

/** One request as it came to a server of a lab. */
export interface Recorded {
  /** Name of the server as `wrap` gives it, e.g. `ro.test ua`. */
  server: string;
  /** CN of the client certificate, if one was shown. */
  peer: string | undefined;
  method: string;
  path: string;
  rawHeaders: string[];
  body: Buffer;
}

const AGAIN = 'x-said-again';

/** Writes down every request that any server of a lab gets; what is said again by `sayAgain` is left out. */
export function createRecorder() {
  const requests: Recorded[] = [];
  return {
    requests,
    wrap:
      (server: string, listener: Listener): Listener =>
      (req, res) => {
        if (req.headers[AGAIN] === undefined) requests.push(follow(server, req));
        listener(req, res);
      },
  };
}

function follow(server: string, req: IncomingMessage): Recorded {
  const { method = '', url = '', rawHeaders } = req;
  const peer = (req.socket as Partial<TLSSocket>).getPeerCertificate?.()?.subject?.CN;
  const chunks: Buffer[] = [];
  const recorded: Recorded = {
    server,
    peer: typeof peer === 'string' ? peer : undefined,
    method,
    path: url,
    rawHeaders: [...rawHeaders],
    body: Buffer.alloc(0),
  };
  // Readers take octets by `data` or by `read`; both come through `push`.
  const push = req.push.bind(req);
  req.push = (chunk: unknown, ...rest: [BufferEncoding?]) => {
    if (Buffer.isBuffer(chunk)) {
      chunks.push(Buffer.from(chunk));
      recorded.body = Buffer.concat(chunks);
    }
    return push(chunk, ...rest);
  };
  return recorded;
}

/** Every octet of a request: line, headers, body. */
export const octetsOf = ({ method, path, rawHeaders, body }: Recorded): Buffer =>
  Buffer.concat([Buffer.from(`${method} ${path} ${rawHeaders.join('\n')}\n`), body]);

/** Where the servers of a lab listen, by the name that `wrap` gives them. */
function doorsOf({ plan }: Lab): Map<string, { url: string; serverName: string | undefined }> {
  const tls = (port: number, serverName: string) => ({ url: `https://127.0.0.1:${port}`, serverName });
  return new Map<string, { url: string; serverName: string | undefined }>([
    ...[...plan.sho, plan.ro].flatMap(({ id, ua, sbi }) => [
      [`${id} ua`, tls(ua.port, id)] as const,
      [`${id} sbi`, tls(sbi.port, id)] as const,
    ]),
    [`${plan.pva.id} sbi`, tls(plan.pva.sbi.port, plan.pva.id)],
    [`${plan.pva.id} m2me`, tls(plan.pva.m2me.port, plan.pva.id)],
    ['m2me local', { url: `http://127.0.0.1:${plan.m2me[0]?.local.port}`, serverName: undefined }],
  ]);
}

/** Sends a request once more, with the certificate of who sent it first; undefined for a door outside the change. */
export async function sayAgain(lab: Lab, said: Recorded, body: Uint8Array = said.body): Promise<Answer | undefined> {
  const door = doorsOf(lab).get(said.server);
  if (door === undefined) return undefined;
  const { url, serverName } = door;
  const tls = said.peer === undefined ? { ca: readTextFile(lab.pki.ca) } : loadTls(await lab.pki.tls(said.peer));
  const client = createClient({ url, ...(serverName === undefined ? {} : { serverName, tls }) });
  const headers: Record<string, string> = { [AGAIN]: '1' };
  for (let i = 0; i < said.rawHeaders.length; i += 2) {
    const name = said.rawHeaders[i]?.toLowerCase() ?? '';
    if (['authorization', 'content-type', 'range'].includes(name)) headers[name] = said.rawHeaders[i + 1] ?? '';
  }
  try {
    return await client.send(said.method, said.path, { ...(body.length > 0 ? { bytes: body } : {}), headers });
  } finally {
    client.close();
  }
}

/** A log that keeps every line with the fields of the function that wrote it. */
export function createLogBook(): { log: Log; lines: { fn: string; text: string }[] } {
  const lines: { fn: string; text: string }[] = [];
  const make = (base: LogFields): Log => {
    const keep = (event: string, fields?: LogFields): void => {
      const all = { ...base, ...fields };
      lines.push({ fn: String(base['fn'] ?? base['m2me'] ?? ''), text: JSON.stringify({ event, ...all }) });
    };
    return { info: keep, warn: keep, error: keep, child: (fields) => make({ ...base, ...fields }) };
  };
  return { log: make({}), lines };
}
