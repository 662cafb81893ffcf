import { connect } from 'node:net';

/** What a server says to these octets, until it hangs up or is quiet for a moment after its first answer. */
export function sayRaw(port: number, octets: string | Buffer): Promise<string> {
  return new Promise((resolve) => {
    let seen = '';
    let quiet: NodeJS.Timeout | undefined;
    const socket = connect(port, '127.0.0.1', () => socket.write(octets));
    const end = () => {
      clearTimeout(quiet);
      socket.destroy();
      resolve(seen);
    };
    socket.on('data', (data) => {
      seen += data.toString('latin1');
      clearTimeout(quiet);
      quiet = setTimeout(end, 30);
    });
    socket.on('close', end);
    socket.on('error', end);
    socket.setTimeout(1_000, end);
  });
}

export const statusesOf = (answers: string): number[] =>
  [...answers.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status));
