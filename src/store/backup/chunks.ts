import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';
import { equalBytes, GbaError, SecretKey } from '../../base/index.ts';

/**
 * The envelope of a backup file, all numbers big-endian:
 *
 *     header = "GBASTORE" | version (2 octets) | salt (32) | key check (16)
 *     chunk  = last (1 octet: 0 or 1) | length of the plaintext (4) | ciphertext | tag (16)
 *
 * Two keys come from the backup key by HKDF-SHA-256 with the salt of the file: the key check, which tells a wrong key from a
 * broken file, and the AES-256-GCM key. Associated data of chunk n is header | n (8 octets) | last | length, its nonce is n in
 * 12 octets: as no file has the key of another, no nonce comes twice. So no chunk fits another place or another file, and a
 * file without its last chunk is not whole.
 */
const MAGIC = Buffer.from('GBASTORE', 'latin1');
const FORMAT = 1;
const SALT = 32;
const CHECK = 16;
export const SALT_LENGTH = SALT;
const HEADER = MAGIC.length + 2 + SALT + CHECK;
const FRAME = 5;
const TAG = 16;
/** Of plaintext; a reader takes no larger one. */
export const CHUNK = 65_536;

interface FileKeys {
  header: Buffer;
  key: SecretKey;
}

function deriveKeys(backupKey: SecretKey, salt: Uint8Array): FileKeys {
  if (backupKey.length !== 32) throw new RangeError('backup key: expected 32 octets');
  const derive = (purpose: string, length: number): Buffer =>
    Buffer.from(hkdfSync('sha256', backupKey.bytes(), salt, `gba-authz store backup 1 ${purpose}`, length));
  const version = Buffer.alloc(2);
  version.writeUInt16BE(FORMAT);
  const header = Buffer.concat([MAGIC, version, salt, derive('check', CHECK)]);
  return { header, key: SecretKey.adopt(derive('aes-256-gcm', 32)) };
}

function nonceOf(number: number): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUIntBE(number, 6, 6);
  return nonce;
}

function frameOf(last: boolean, length: number): Buffer {
  const frame = Buffer.alloc(FRAME);
  frame.writeUInt8(last ? 1 : 0);
  frame.writeUInt32BE(length, 1);
  return frame;
}

const aadOf = (header: Buffer, number: number, frame: Buffer): Buffer =>
  Buffer.concat([header, nonceOf(number).subarray(4), frame]);

/** Seals what is pushed, chunk by chunk, into `write`. Nothing is whole before `end`. */
export function createChunkSealer(
  backupKey: SecretKey,
  salt: Uint8Array,
  write: (octets: Uint8Array) => void,
): { push(plain: Uint8Array): void; end(): void } {
  const { header, key } = deriveKeys(backupKey, salt);
  const pending = Buffer.alloc(CHUNK);
  let filled = 0;
  let number = 0;
  write(header);
  const seal = (last: boolean): void => {
    const frame = frameOf(last, filled);
    const cipher = createCipheriv('aes-256-gcm', key.bytes(), nonceOf(number));
    cipher.setAAD(aadOf(header, number, frame));
    const body = cipher.update(pending.subarray(0, filled));
    cipher.final();
    write(Buffer.concat([frame, body, cipher.getAuthTag()]));
    number++;
    filled = 0;
  };
  return {
    push(plain) {
      for (let from = 0; from < plain.length; ) {
        // A full chunk waits for the next octet: the last one has to say that it is.
        if (filled === CHUNK) seal(false);
        const part = plain.subarray(from, from + CHUNK - filled);
        pending.set(part, filled);
        filled += part.length;
        from += part.length;
      }
    },
    end() {
      seal(true);
      key.erase();
      pending.fill(0);
    },
  };
}

/** Reads `length` octets, fewer only at the end of the file. */
export type ReadOctets = (length: number) => Buffer;

/**
 * The plaintext, chunk by chunk, each given out only after its tag was right. Throws `backup-none`, `backup-version-unknown`,
 * `backup-key-wrong`, `backup-truncated`, `backup-broken`.
 */
export function* openChunks(backupKey: SecretKey, read: ReadOctets): Generator<Buffer> {
  const start = read(HEADER);
  if (!start.subarray(0, MAGIC.length).equals(MAGIC)) throw new GbaError('backup-none', 'this is no backup of a store');
  if (start.length < HEADER) throw truncated();
  const version = start.readUInt16BE(MAGIC.length);
  if (version !== FORMAT) {
    throw new GbaError('backup-version-unknown', `the backup has format ${version}; this program knows ${FORMAT}`);
  }
  const { header, key } = deriveKeys(backupKey, start.subarray(MAGIC.length + 2, MAGIC.length + 2 + SALT));
  try {
    if (!equalBytes(header, start)) {
      throw new GbaError('backup-key-wrong', 'the backup was made with another key, or its header was altered');
    }
    for (let number = 0, last = false; !last; number++) {
      const frame = read(FRAME);
      if (frame.length < FRAME) throw truncated();
      const length = frame.readUInt32BE(1);
      if (frame.readUInt8() > 1 || length > CHUNK) throw broken(number);
      last = frame.readUInt8() === 1;
      const sealed = read(length + TAG);
      if (sealed.length < length + TAG) throw truncated();
      yield openChunk(key, number, aadOf(header, number, frame), sealed);
    }
    if (read(1).length > 0) throw new GbaError('backup-broken', 'something follows the end of the backup');
  } finally {
    key.erase();
  }
}

function openChunk(key: SecretKey, number: number, aad: Buffer, sealed: Buffer): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key.bytes(), nonceOf(number), { authTagLength: TAG });
  decipher.setAAD(aad).setAuthTag(sealed.subarray(sealed.length - TAG));
  const plain = decipher.update(sealed.subarray(0, sealed.length - TAG));
  try {
    decipher.final();
  } catch (cause) {
    plain.fill(0);
    throw broken(number, cause);
  }
  return plain;
}

const truncated = (): GbaError => new GbaError('backup-truncated', 'the backup ends before its end');
const broken = (number: number, cause?: unknown): GbaError =>
  new GbaError('backup-broken', `the backup was altered: piece ${number} does not open`, { cause });
