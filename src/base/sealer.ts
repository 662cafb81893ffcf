import { createCipheriv, createDecipheriv } from 'node:crypto';
import { checkRandom, type Random } from './environment.ts';
import { GbaError } from './errors.ts';
import { SecretKey } from './secret-key.ts';

const NONCE = 12;
const TAG = 16;

/**
 * Seals octets at rest: AES-256-GCM, base64(nonce 12 || ciphertext || tag 16). `context` is bound as associated data, so
 * that a sealed value cannot be moved to another record. Opening anything else throws `seal-broken`, making a sealer over a
 * source of randomness that does not work `random-weak`.
 */
export interface Sealer {
  seal(plain: Uint8Array, context: string): string;
  open(sealed: string, context: string): SecretKey;
}

export function createSealer(key: SecretKey, random: Random): Sealer {
  if (key.length !== 32) throw new RangeError('sealing key: expected 32 octets');
  // A nonce that comes twice under one key opens both seals.
  checkRandom(random);
  return {
    seal(plain, context) {
      const nonce = random.bytes(NONCE);
      const cipher = createCipheriv('aes-256-gcm', key.bytes(), nonce).setAAD(Buffer.from(context, 'utf8'));
      const body = Buffer.concat([nonce, cipher.update(plain), cipher.final()]);
      return Buffer.concat([body, cipher.getAuthTag()]).toString('base64');
    },
    open(sealed, context) {
      const octets = Buffer.from(sealed, 'base64');
      if (octets.length < NONCE + TAG || octets.toString('base64') !== sealed) {
        throw new GbaError('seal-broken', 'sealed value is too short or not canonical base64');
      }
      const decipher = createDecipheriv('aes-256-gcm', key.bytes(), octets.subarray(0, NONCE))
        .setAAD(Buffer.from(context, 'utf8'))
        .setAuthTag(octets.subarray(octets.length - TAG));
      const plain = decipher.update(octets.subarray(NONCE, octets.length - TAG));
      try {
        decipher.final();
      } catch (cause) {
        plain.fill(0);
        throw new GbaError('seal-broken', 'sealed value does not open under this key and context', { cause });
      }
      return SecretKey.adopt(plain);
    },
  };
}
