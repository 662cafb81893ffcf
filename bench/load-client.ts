// The client of the HTTP benchmarks, in a process of its own: raw keep-alive connections that write prepared requests one
// after another, so that the server under test is what is measured.
import { connect, type Socket } from 'node:net';

export interface LoadJob {
  port: number;
  /** One list of requests for each connection, in order. */
  connections: string[][];
}

/** Milliseconds from the first request to the last answer; rejects on a status that `expect` does not name. */
export async function runLoad(job: LoadJob, expected: ReadonlySet<string>): Promise<number> {
  const prepared = job.connections.map((list) => list.map((text) => Buffer.from(text, 'latin1')));
  const sockets = await Promise.all(prepared.map(() => open(job.port)));
  // The client stays awake: a sleeping one would make the server pay for waking it, the more the slower the server is.
  let busy = true;
  const spin = () => {
    if (busy) setImmediate(spin);
  };
  spin();
  const started = process.hrtime.bigint();
  await Promise.all(sockets.map((socket, i) => drive(socket, prepared[i] ?? [], expected)));
  const elapsed = Number(process.hrtime.bigint() - started) / 1e6;
  busy = false;
  for (const socket of sockets) socket.destroy();
  return elapsed;
}

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => resolve(socket));
    socket.once('error', reject);
  });
}

function drive(socket: Socket, requests: readonly Buffer[], expected: ReadonlySet<string>): Promise<void> {
  return new Promise((resolve, reject) => {
    let next = 0;
    let pending = '';
    const send = () => {
      const request = requests[next++];
      if (request === undefined) resolve();
      else socket.write(request);
    };
    socket.on('data', (data: Buffer) => {
      pending += data.toString('latin1');
      const head = pending.indexOf('\r\n\r\n');
      if (head < 0) return;
      const length = /content-length: (\d+)/i.exec(pending)?.[1];
      if (length === undefined || pending.length < head + 4 + Number(length)) return;
      if (!expected.has(pending.slice(9, 12))) {
        reject(new Error(`unexpected answer: ${pending}`));
        return;
      }
      pending = '';
      send();
    });
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('connection closed')));
    send();
  });
}

/** Serves jobs sent by the parent process. */
export function serveLoad(): void {
  process.on('message', (message: { job: LoadJob; expected: string[] }) => {
    runLoad(message.job, new Set(message.expected)).then(
      (elapsed) => process.send?.({ elapsed }),
      (error: unknown) => process.send?.({ error: String(error) }),
    );
  });
}
