import { spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Piece } from './recorder.ts';

const runs = spawnSync('tshark', ['--version']);
export const tsharkMissing: string | false =
  runs.error === undefined ? false : 'tshark is not installed (Debian: apt-get install tshark)';

const DIAMETER_PORT = 3868;

/** The pieces as a capture file: IPv4 and TCP around each, to the port of Diameter. */
function pcapOf(pieces: readonly Piece[]): Buffer {
  const file = Buffer.alloc(24);
  file.writeUInt32LE(0xa1b2c3d4);
  file.writeUInt16LE(2, 4);
  file.writeUInt16LE(4, 6);
  file.writeUInt32LE(65_535, 16);
  // Link type "raw IP".
  file.writeUInt32LE(101, 20);
  const next = new Map<string, number>();
  const out = [file];
  for (const [i, { connection, forward, octets }] of pieces.entries()) {
    for (let at = 0; at < octets.length; at += 32_000) {
      const data = octets.subarray(at, at + 32_000);
      const sequence = (way: boolean): number => next.get(`${connection} ${way}`) ?? 1;
      const packet = Buffer.alloc(40 + data.length);
      packet[0] = 0x45;
      packet.writeUInt16BE(packet.length, 2);
      packet[8] = 64;
      packet[9] = 6;
      const [client, server] = [
        [10, 0, 0, 1],
        [10, 0, 0, 2],
      ] as const;
      packet.set(forward ? [...client, ...server] : [...server, ...client], 12);
      const ports = [40_000 + connection, DIAMETER_PORT] as const;
      packet.writeUInt16BE(forward ? ports[0] : ports[1], 20);
      packet.writeUInt16BE(forward ? ports[1] : ports[0], 22);
      packet.writeUInt32BE(sequence(forward), 24);
      packet.writeUInt32BE(sequence(!forward), 28);
      packet.set([0x50, 0x18, 0xff, 0xff], 32);
      packet.set(data, 40);
      next.set(`${connection} ${forward}`, sequence(forward) + data.length);
      const head = Buffer.alloc(16);
      head.writeUInt32LE(1_800_000_000 + i);
      head.writeUInt32LE(packet.length, 8);
      head.writeUInt32LE(packet.length, 12);
      out.push(head, packet);
    }
  }
  return Buffer.concat(out);
}

export interface Decoded {
  /** Command codes in order, several of one packet too. */
  commands: number[];
  /** Lines that speak of malformed packets or of expert items that are warnings or errors. */
  complaints: string[];
  text: string;
}

/** What tshark makes of them. */
export function decode(pieces: readonly Piece[]): Decoded {
  const file = join(mkdtempSync(join(tmpdir(), 'gba-capture-')), 'capture.pcap');
  writeFileSync(file, pcapOf(pieces));
  const tshark = (...args: string[]): string => {
    const done = spawnSync('tshark', ['-r', file, ...args], { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
    if (done.status !== 0) throw new Error(`tshark: ${done.stderr}`);
    return done.stdout;
  };
  const codes = tshark('-Y', 'diameter', '-T', 'fields', '-e', 'diameter.cmd.code');
  const text = tshark('-V');
  return {
    commands: codes.split(/[\n,]/).filter(Boolean).map(Number),
    complaints: text.split('\n').filter((line) => /malformed|expert info \((error|warning)/i.test(line)),
    text,
  };
}
