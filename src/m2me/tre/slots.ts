import { join } from 'node:path';
import { z } from 'zod';
import { GbaError, type Random, type Sealer, toHex } from '../../base/index.ts';
import type { Mcim } from '../../mcim/index.ts';
import type { Compartment, Vault } from './compartment.ts';
import type { DurableFiles } from './durable-file.ts';
import { fillSlot, readMcim } from './usim.ts';

const refSchema = z.strictObject({ id: z.string(), serial: z.string().nullable(), digest: z.string().nullable() });
/** `digest` (hex) of the package that filled it, and SHA-256 (hex) of the key that signed that. */
const storedSchema = z.strictObject({ id: z.string(), domain: z.string(), digest: z.string(), signer: z.string() });
const pointerSchema = z.strictObject({
  current: refSchema.nullable(),
  /** `stored`: where it goes back to when the change ends without a switch. */
  pending: refSchema
    .extend({ domain: z.string().default(''), stored: storedSchema.nullable().default(null) })
    .nullable(),
  stored: z.array(storedSchema).default([]),
});

/** Which compartment is the slot in use, which waits for a switch, and which hold subscriptions put in earlier. */
type SlotPointers = z.infer<typeof pointerSchema>;

/** What may be done on behalf of one operator; of other operators' slots it can tell nothing. */
export interface Domain {
  /** Puts a subscription into a slot of its own, before any change. An older one of this operator is erased. */
  preload(mcim: Mcim, digest: string, signer: string): Promise<void>;
  /** Fills a new slot and only then makes it the pending one. Throws `slot-access-denied`, `slot-taken`. */
  storePending(mcim: Mcim, serial: string, digest: string): Promise<void>;
  /** Who signed the package of this digest that was put in earlier; undefined when this operator has none such. */
  signerOfStored(digest: string): string | undefined;
  /** Makes it the pending slot of `serial`. False when this operator has none such. Throws `slot-taken`. */
  bindStored(serial: string, digest: string): Promise<boolean>;
}

type Stored = SlotPointers['stored'][number];
type InDomain<F> = F extends (...args: infer A) => infer R ? (domain: string, ...args: A) => R : never;

/** The slots. Their pointers stand in one small file, so that a switch is one rename. */
export interface Slots {
  preload: InDomain<Domain['preload']>;
  pointers(): SlotPointers;
  current(): Promise<Compartment | undefined>;
  commission(mcim: Mcim): Promise<void>;
  storePending: InDomain<Domain['storePending']>;
  signerOfStored: InDomain<Domain['signerOfStored']>;
  bindStored: InDomain<Domain['bindStored']>;
  /** True when the pending slot belongs to `serial` and reads back whole. */
  pendingReady(serial: string): Promise<boolean>;
  dropPending(): Promise<void>;
  /** Erases one slot for ever: its key first. */
  eraseSlot(id: string): Promise<void>;
  /** Makes the pending slot of `serial` the current one. Repeating it does no harm. */
  activate(serial: string): Promise<void>;
}

const CONTEXT = 'tre/slots';
const EMPTY: SlotPointers = { current: null, pending: null, stored: [] };

export async function openSlots(
  directory: string,
  files: DurableFiles,
  vault: Vault,
  root: Sealer,
  random: Random,
): Promise<Slots> {
  const path = join(directory, 'slots');
  let pointers = await load();
  await eraseOrphans();

  async function load(): Promise<SlotPointers> {
    const sealed = await files.read(path);
    if (sealed === undefined) return EMPTY;
    const plain = root.open(sealed.toString('latin1'), CONTEXT);
    return pointerSchema.parse(JSON.parse(plain.bytes().toString('utf8')));
  }

  async function save(next: SlotPointers): Promise<void> {
    await files.write(path, Buffer.from(root.seal(Buffer.from(JSON.stringify(next)), CONTEXT)));
    pointers = next;
  }

  /** Slots that no pointer names: a power cut came before the pointer, nobody has ever seen them. */
  async function eraseOrphans(): Promise<void> {
    const { current, pending, stored } = pointers;
    const named = new Set([current?.id, pending?.id, ...stored.map(({ id }) => id)]);
    for (const id of await vault.list()) if (id.startsWith('slot-') && !named.has(id)) await vault.erase(id);
  }

  async function fillNew(domain: string, mcim: Mcim): Promise<string> {
    if (mcim.sho.id !== domain) throw new GbaError('slot-access-denied', 'a subscription of another operator');
    const slot = await vault.create(`slot-${toHex(random.bytes(8))}`);
    await fillSlot(slot, mcim);
    return slot.id;
  }

  /** The pending slot of this operator, if any; another operator's is out of reach. */
  function pendingOf(domain: string) {
    const { pending } = pointers;
    if (pending !== null && pending.domain !== domain) {
      throw new GbaError('slot-taken', 'a change to another operator is under way');
    }
    return pending;
  }

  const storedOf = (domain: string, digest: string): Stored | undefined =>
    pointers.stored.find((one) => one.domain === domain && one.digest === digest);

  return {
    pointers: () => pointers,
    async current() {
      return pointers.current === null ? undefined : await vault.open(pointers.current.id);
    },
    async commission(mcim) {
      if (pointers.current !== null) throw new GbaError('slot-taken', 'the machine has a subscription already');
      const id = await fillNew(mcim.sho.id, mcim);
      await save({ ...pointers, current: { id, serial: null, digest: null } });
    },
    async preload(domain, mcim, digest, signer) {
      const older = pointers.stored.filter((one) => one.domain === domain);
      const one: Stored = { id: await fillNew(domain, mcim), domain, digest, signer };
      await save({ ...pointers, stored: [...pointers.stored.filter((other) => other.domain !== domain), one] });
      for (const { id } of older) await vault.erase(id);
    },
    async storePending(domain, mcim, serial, digest) {
      const older = pendingOf(domain);
      const pending = { id: await fillNew(domain, mcim), serial, digest, domain, stored: null };
      await save({ ...pointers, pending });
      if (older !== null) await vault.erase(older.id);
    },
    signerOfStored: (domain, digest) => storedOf(domain, digest)?.signer,
    async bindStored(domain, serial, digest) {
      const older = pendingOf(domain);
      if (older?.serial === serial && older.digest === digest) return true;
      const found = storedOf(domain, digest);
      if (found === undefined) return false;
      const stored = pointers.stored.filter((one) => one !== found);
      const pending = { id: found.id, serial, digest, domain, stored: found };
      await save({ ...pointers, pending, stored });
      if (older !== null) await vault.erase(older.id);
      return true;
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
      const { pending, stored } = pointers;
      if (pending === null) return;
      await save({
        ...pointers,
        pending: null,
        stored: pending.stored === null ? stored : [...stored, pending.stored],
      });
      if (pending.stored === null) await vault.erase(pending.id);
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
      const { id, digest } = pending;
      await save({ ...pointers, current: { id, serial, digest }, pending: null });
    },
  };
}
