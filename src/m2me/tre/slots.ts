import { join } from 'node:path';
import { z } from 'zod';
import { GbaError, type Random, type Sealer, toHex } from '../../base/index.ts';
import type { Mcim } from '../../mcim/index.ts';
import type { Compartment, Vault } from './compartment.ts';
import { readIfPresent, writeDurable } from './durable-file.ts';
import { fillSlot, readMcim } from './usim.ts';

const refSchema = z.strictObject({ id: z.string(), serial: z.string().nullable(), digest: z.string().nullable() });
const pointerSchema = z.strictObject({ current: refSchema.nullable(), pending: refSchema.nullable() });

/** Which compartment is the slot in use and which the one waiting; `serial` and `digest` (hex) of its package. */
export type SlotPointers = z.infer<typeof pointerSchema>;

/** The two slots. Their pointers stand in one small file, so that a switch is one rename. */
export interface Slots {
  pointers(): SlotPointers;
  current(): Promise<Compartment | undefined>;
  commission(mcim: Mcim): Promise<void>;
  /** Fills a new slot and only then makes it the pending one; an older pending slot is erased. */
  storePending(mcim: Mcim, serial: string, digest: string): Promise<void>;
  /** True when the pending slot belongs to `serial` and reads back whole. */
  pendingReady(serial: string): Promise<boolean>;
  dropPending(): Promise<void>;
  /** Erases one slot for ever: its key first. */
  eraseSlot(id: string): Promise<void>;
  /** Makes the pending slot of `serial` the current one. Repeating it does no harm. */
  activate(serial: string): Promise<void>;
}

const CONTEXT = 'tre/slots';

export async function openSlots(directory: string, vault: Vault, root: Sealer, random: Random): Promise<Slots> {
  const path = join(directory, 'slots');
  let pointers = await load();
  await eraseOrphans();

  async function load(): Promise<SlotPointers> {
    const sealed = await readIfPresent(path);
    if (sealed === undefined) return { current: null, pending: null };
    const plain = root.open(sealed.toString('latin1'), CONTEXT);
    return pointerSchema.parse(JSON.parse(plain.bytes().toString('utf8')));
  }

  async function save(next: SlotPointers): Promise<void> {
    await writeDurable(path, Buffer.from(root.seal(Buffer.from(JSON.stringify(next)), CONTEXT)));
    pointers = next;
  }

  /** Slots that no pointer names: a power cut came before the pointer, nobody has ever seen them. */
  async function eraseOrphans(): Promise<void> {
    const named = new Set([pointers.current?.id, pointers.pending?.id]);
    for (const id of await vault.list()) if (id.startsWith('slot-') && !named.has(id)) await vault.erase(id);
  }

  async function fillNew(mcim: Mcim): Promise<string> {
    const slot = await vault.create(`slot-${toHex(random.bytes(8))}`);
    await fillSlot(slot, mcim);
    return slot.id;
  }

  return {
    pointers: () => pointers,
    async current() {
      return pointers.current === null ? undefined : await vault.open(pointers.current.id);
    },
    async commission(mcim) {
      if (pointers.current !== null) throw new GbaError('slot-taken', 'the machine has a subscription already');
      await save({ ...pointers, current: { id: await fillNew(mcim), serial: null, digest: null } });
    },
    async storePending(mcim, serial, digest) {
      const older = pointers.pending;
      await save({ ...pointers, pending: { id: await fillNew(mcim), serial, digest } });
      if (older !== null) await vault.erase(older.id);
    },
    async pendingReady(serial) {
      const { pending } = pointers;
      if (pending?.serial !== serial) return false;
      const slot = await vault.open(pending.id);
      if (slot === undefined) return false;
      const mcim = await readMcim(slot);
      mcim.k.erase();
      mcim.opc.erase();
      return true;
    },
    async dropPending() {
      const { pending } = pointers;
      if (pending === null) return;
      await save({ ...pointers, pending: null });
      await vault.erase(pending.id);
    },
    async eraseSlot(id) {
      await vault.erase(id);
      if (pointers.current?.id === id) await save({ ...pointers, current: null });
    },
    async activate(serial) {
      const { current, pending } = pointers;
      if (current?.serial === serial) return;
      if (pending?.serial !== serial) throw new GbaError('slot-incomplete', 'no pending subscription for this serial');
      if (current !== null) throw new GbaError('slot-taken', 'the subscription in use has not been discarded');
      await save({ current: pending, pending: null });
    },
  };
}
