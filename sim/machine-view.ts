import { createSealer, SecretKey, systemRandom } from '../src/base/index.ts';
import { loadSealingKey } from '../src/http/index.ts';
import type { M2meConfig } from '../src/m2me/index.ts';
import { decodeMcim } from '../src/mcim/index.ts';
import type { SimDisk } from './disk.ts';

/** What a machine's disk holds for certain, read without the code that wrote it. */
export interface MachineView {
  /** The subscription in use, readable whole. */
  current: { serial: string | null; digest: string | null; impi: string; sho: string } | undefined;
  /** The one that waits, readable whole. */
  pending: { serial: string; sho: string } | undefined;
  /** Serials with a durable discard record. */
  discarded: readonly string[];
}

interface Ref {
  id: string;
  serial: string | null;
  digest: string | null;
}

/** Reads one machine's disk; looks again only at what has changed. */
export function createMachineReader(config: M2meConfig, disk: SimDisk): () => MachineView {
  const root = createSealer(loadSealingKey(config.keyFile), systemRandom);
  const slots = new Map<string, { key: Buffer; sealed: Buffer; found: { impi: string; sho: string } | undefined }>();
  let pointers: { octets: Buffer; current: Ref | null; pending: Ref | null } | undefined;

  function readPointers() {
    const octets = disk.certain('slots');
    if (octets === undefined) return undefined;
    if (pointers?.octets === octets) return pointers;
    pointers = { octets, ...openPointers(octets) };
    return pointers;
  }

  function openPointers(octets: Buffer): { current: Ref | null; pending: Ref | null } {
    try {
      const text = root.open(octets.toString('latin1'), 'tre/slots').bytes().toString('utf8');
      return JSON.parse(text) as { current: Ref | null; pending: Ref | null };
    } catch {
      return { current: null, pending: null };
    }
  }

  function readSlot(id: string): { impi: string; sho: string } | undefined {
    const key = disk.certain(`${id}.key`);
    const sealed = disk.certain(`${id}.mcim.sealed`);
    // Without its sequence numbers a subscription cannot authenticate.
    if (key === undefined || sealed === undefined || disk.certain(`${id}.sqn.sealed`) === undefined) return undefined;
    const known = slots.get(id);
    if (known?.key === key && known.sealed === sealed) return known.found;
    const found = openSlot(id, key, sealed);
    slots.set(id, { key, sealed, found });
    return found;
  }

  function openSlot(id: string, key: Buffer, sealed: Buffer): { impi: string; sho: string } | undefined {
    try {
      const slotKey = SecretKey.copyOf(root.open(key.toString('latin1'), `${id}/key`).bytes());
      const mcim = createSealer(slotKey, systemRandom).open(sealed.toString('latin1'), `${id}/mcim`);
      const { impi, sho } = decodeMcim(mcim.bytes());
      return { impi, sho: sho.id };
    } catch {
      // Torn or overwritten: it is gone.
      return undefined;
    }
  }

  return () => {
    const found = readPointers();
    const { current = null, pending = null } = found ?? {};
    const inUse = current === null ? undefined : readSlot(current.id);
    const waiting = pending === null ? undefined : readSlot(pending.id);
    return {
      current:
        current !== null && inUse !== undefined
          ? { serial: current.serial, digest: current.digest, ...inUse }
          : undefined,
      pending: pending?.serial != null && waiting ? { serial: pending.serial, sho: waiting.sho } : undefined,
      discarded: disk.certainNames().flatMap((name) => /^change-([0-9a-f]+)\.discard\.sealed$/.exec(name)?.[1] ?? []),
    };
  };
}
