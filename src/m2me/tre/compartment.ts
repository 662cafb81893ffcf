import { join } from 'node:path';
import { createSealer, GbaError, type Random, type Sealer, SecretKey } from '../../base/index.ts';
import type { DurableFiles } from './durable-file.ts';
import { createTurns } from './in-turn.ts';

const KEY_LENGTH = 32;

/**
 * A group of sealed files under one key of its own. The key stands in a single file, sealed under the TRE's root, so
 * that overwriting this file makes everything else of the compartment unreadable at once, wherever copies of it lie.
 */
export interface Compartment {
  readonly id: string;
  read(name: string): Promise<SecretKey | undefined>;
  write(name: string, plain: Uint8Array): Promise<void>;
}

export interface Vault {
  /** Makes the compartment, or opens it when it is there. What an erasure that was cut short left of it goes first. */
  create(id: string): Promise<Compartment>;
  /** Undefined when its key is gone. */
  open(id: string): Promise<Compartment | undefined>;
  /** Erases the key file first, then the data. Finishes an erasure that was cut short. */
  erase(id: string): Promise<void>;
  /** Ids with any file left, also those whose key is gone already. */
  list(): Promise<string[]>;
}

/** Changes of the disk are made one at a time: two callers must not make two keys for one compartment. */
export function createVault(directory: string, files: DurableFiles, root: Sealer, random: Random): Vault {
  const inTurn = createTurns();
  const keyFile = (id: string) => join(directory, `${id}.key`);
  const dataFile = (id: string, name: string) => join(directory, `${id}.${name}.sealed`);
  const keys = new Map<string, SecretKey>();

  async function loadKey(id: string): Promise<SecretKey | undefined> {
    const known = keys.get(id);
    if (known !== undefined) return known;
    const sealed = await files.read(keyFile(id));
    if (sealed === undefined) return undefined;
    const key = openKey(root, sealed, id);
    if (key !== undefined) keys.set(id, key);
    return key;
  }

  function compartment(id: string, key: SecretKey): Compartment {
    const sealer = createSealer(key, random);
    return {
      id,
      async read(name) {
        const sealed = await files.read(dataFile(id, name));
        return sealed === undefined ? undefined : sealer.open(sealed.toString('latin1'), `${id}/${name}`);
      },
      async write(name, plain) {
        const sealed = Buffer.from(sealer.seal(plain, `${id}/${name}`));
        await inTurn(() => files.write(dataFile(id, name), sealed));
      },
    };
  }

  async function filesOf(): Promise<{ file: string; id: string }[]> {
    const names = (await files.list(directory)).filter((name) => /\.(key|sealed)$/.test(name));
    return names.map((file) => ({ file, id: file.split('.', 1)[0] ?? '' }));
  }

  async function eraseNow(id: string): Promise<void> {
    await files.erase(keyFile(id));
    keys.get(id)?.erase();
    keys.delete(id);
    for (const { file } of (await filesOf()).filter((one) => one.id === id)) await files.erase(join(directory, file));
  }

  async function createNow(id: string): Promise<Compartment> {
    if (!/^[a-z0-9-]{1,64}$/.test(id)) throw new GbaError('tre-storage-failed', 'not a compartment id');
    const known = await loadKey(id);
    if (known !== undefined) return compartment(id, known);
    await eraseNow(id);
    const key = SecretKey.adopt(random.bytes(KEY_LENGTH));
    await files.write(keyFile(id), Buffer.from(root.seal(key.bytes(), `${id}/key`)));
    keys.set(id, key);
    return compartment(id, key);
  }

  return {
    create: (id) => inTurn(() => createNow(id)),
    async open(id) {
      const key = await loadKey(id);
      return key === undefined ? undefined : compartment(id, key);
    },
    erase: (id) => inTurn(() => eraseNow(id)),
    async list() {
      return [...new Set((await filesOf()).map(({ id }) => id))];
    },
  };
}

/** A key file with a zero in it is an erasure that a power cut interrupted: the key is gone, nothing opens any more. */
function openKey(root: Sealer, sealed: Buffer, id: string): SecretKey | undefined {
  if (sealed.includes(0)) return undefined;
  return root.open(sealed.toString('latin1'), `${id}/key`);
}
