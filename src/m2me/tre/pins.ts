import { createHash } from 'node:crypto';
import { z } from 'zod';
import { GbaError, type SecretKey } from '../../base/index.ts';
import type { RoKeys } from '../../token/index.ts';
import type { Compartment, Vault } from './compartment.ts';
import { packRecord, unpackRecord } from './record.ts';
import type { NafKey } from './usim.ts';

const sessionsSchema = z.array(
  z.strictObject({ fqdn: z.string(), uaId: z.string(), btid: z.string(), expiresAt: z.number() }),
);
const discardSchema = z.strictObject({
  serial: z.string(),
  m2meId: z.string(),
  slot: z.string(),
  discardedAt: z.number(),
});

/** Written before the first octet of a slot is overwritten; without it no unregistration can be made. Times in ms. */
export type DiscardRecord = z.infer<typeof discardSchema>;

/** A Ua key that outlives its context: the open session with a NAF. `uaId` in hexadecimal. */
export interface KeptSession extends NafKey {
  fqdn: string;
  uaId: string;
}

/** Names of the sealed records of one change. */
type PinName = 'token-keys' | 'ro-keys' | 'sessions' | 'discard' | 'release';

/** The keys of one change, in a compartment of its own: they live on after step 8, until step 13 ends. Serials in hex. */
export interface Pins {
  /** The secrets of a grant: four keys (GBA variant), or none (signed variant). */
  pinTokenKeys(serial: string, secrets: readonly SecretKey[]): Promise<void>;
  tokenKeys(serial: string): Promise<SecretKey[] | undefined>;
  pinRoKeys(serial: string, keys: RoKeys): Promise<void>;
  roKeys(serial: string): Promise<RoKeys | undefined>;
  keepSessions(serial: string, sessions: readonly KeptSession[]): Promise<void>;
  session(serial: string, fqdn: string, uaId: Uint8Array, now: number): Promise<NafKey | undefined>;
  writeDiscard(record: DiscardRecord): Promise<void>;
  discard(serial: string): Promise<DiscardRecord | undefined>;
  keepRelease(serial: string, r: SecretKey): Promise<void>;
  release(serial: string): Promise<SecretKey | undefined>;
  forget(serial: string): Promise<void>;
  /** Serials of which anything is left. */
  serials(): Promise<string[]>;
}

export function createPins(vault: Vault): Pins {
  const idOf = (serial: string) => `change-${serial}`;

  async function write(serial: string, name: PinName, meta: unknown, secrets: readonly SecretKey[]): Promise<void> {
    const compartment = await vault.create(idOf(serial));
    const packed = packRecord(meta, secrets);
    await compartment.write(name, packed.bytes());
    packed.erase();
  }

  async function read<T>(serial: string, name: PinName, parse: (value: unknown) => T) {
    const compartment: Compartment | undefined = await vault.open(idOf(serial));
    const packed = await compartment?.read(name);
    return packed === undefined ? undefined : unpackRecord(packed, parse);
  }

  async function secretsOf(serial: string, name: PinName, counts: readonly number[]) {
    const record = await read(serial, name, (value) => z.null().parse(value));
    if (record !== undefined && !counts.includes(record.secrets.length)) {
      throw new GbaError('tre-record-invalid', 'pinned keys are not complete');
    }
    return record?.secrets;
  }

  return {
    pinTokenKeys: (serial, secrets) => write(serial, 'token-keys', null, secrets),
    tokenKeys: (serial) => secretsOf(serial, 'token-keys', [0, 4]),
    pinRoKeys: (serial, { activate, result, relay }) => write(serial, 'ro-keys', null, [activate, result, relay]),
    async roKeys(serial) {
      const [activate, result, relay] = (await secretsOf(serial, 'ro-keys', [3])) ?? [];
      if (activate === undefined || result === undefined || relay === undefined) return;
      return { activate, result, relay };
    },
    keepSessions: (serial, sessions) =>
      write(
        serial,
        'sessions',
        sessions.map(({ fqdn, uaId, btid, expiresAt }) => ({ fqdn, uaId, btid, expiresAt })),
        sessions.map(({ ksNaf }) => ksNaf),
      ),
    async session(serial, fqdn, uaId, now) {
      const record = await read(serial, 'sessions', (value) => sessionsSchema.parse(value));
      const wanted = Buffer.from(uaId).toString('hex');
      const at = record?.meta.findIndex((one) => one.fqdn === fqdn && one.uaId === wanted && one.expiresAt > now) ?? -1;
      const info = record?.meta[at];
      const ksNaf = record?.secrets[at];
      record?.secrets.forEach((secret, i) => {
        if (i !== at) secret.erase();
      });
      return info === undefined || ksNaf === undefined ? undefined : { ...info, ksNaf };
    },
    writeDiscard: (record) => write(record.serial, 'discard', record, []),
    async discard(serial) {
      return (await read(serial, 'discard', (value) => discardSchema.parse(value)))?.meta;
    },
    keepRelease: (serial, r) => write(serial, 'release', null, [r]),
    async release(serial) {
      return (await secretsOf(serial, 'release', [1]))?.[0];
    },
    forget: (serial) => vault.erase(idOf(serial)),
    async serials() {
      const prefix = idOf('');
      return (await vault.list()).flatMap((id) => (id.startsWith(prefix) ? [id.slice(prefix.length)] : []));
    },
  };
}

/** What an unregistration says of the record: SHA-256 over its members, which hold no secret. */
export function discardDigest({ serial, m2meId, slot, discardedAt }: DiscardRecord): Buffer {
  return createHash('sha256')
    .update([serial, m2meId, slot, String(discardedAt)].join('\n'), 'utf8')
    .digest();
}
