import type { Clock, Random } from '../../base/index.ts';

/** Hop-by-Hop and End-to-End identifiers, connection numbers and Session-Ids of one node (RFC 6733 3, 8.8). */
export interface Identifiers {
  hopByHop(): number;
  endToEnd(): number;
  connection(): number;
  sessionId(): string;
}

const NTP_TO_UNIX = 2_208_988_800;

export function createIdentifiers(host: string, clock: Clock, random: Random): Identifiers {
  const seconds = Math.floor(clock.now() / 1000);
  let hop = random.bytes(4).readUInt32BE();
  // Low 12 bits of the time on top: no repeat within 4 minutes, a restart included.
  let end = (((seconds & 0xfff) << 20) | (random.bytes(4).readUInt32BE() & 0xfffff)) >>> 0;
  const high = (seconds + NTP_TO_UNIX) % 2 ** 32;
  // A restart within the same second must not repeat what the last run said.
  let low = random.bytes(4).readUInt32BE();
  let connections = 0;
  return {
    hopByHop() {
      hop = (hop + 1) >>> 0;
      return hop;
    },
    endToEnd() {
      end = (end + 1) >>> 0;
      return end;
    },
    connection() {
      connections++;
      return connections;
    },
    sessionId() {
      low = (low + 1) >>> 0;
      return `${host};${high};${low}`;
    },
  };
}
