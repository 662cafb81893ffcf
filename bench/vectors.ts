import { createCipheriv, randomBytes } from 'node:crypto';
import { makeVector, opcFromOp } from '../src/aka/index.ts';
import { SecretKey } from '../src/base/index.ts';

const ROUNDS = 15;
const ROUND_VECTORS = 20_000;

/** Whole authentication vectors, against the same six AES blocks by bare OpenSSL through node: the best of many rounds. */
export function benchVectors(): { name: string; ratio: number; perSecond: number; reference: string } {
  const k = SecretKey.copyOf(randomBytes(16));
  const keys = { k, opc: opcFromOp(k, randomBytes(16)) };
  const rand = randomBytes(16);
  const sqn = Buffer.alloc(6);
  const amf = Buffer.alloc(2);
  const blocks = randomBytes(96);
  const bare = k.bytes();
  let seen = 0;

  const product = (): void => {
    for (let i = 0; i < ROUND_VECTORS; i++) {
      sqn.writeUInt32BE(i, 2);
      seen ^= makeVector(keys, rand, sqn, amf).autn[15] ?? 0;
    }
  };
  const reference = (): void => {
    for (let i = 0; i < ROUND_VECTORS; i++) {
      blocks.writeUInt32BE(i, 0);
      seen ^= createCipheriv('aes-128-ecb', bare, null).update(blocks)[15] ?? 0;
    }
  };

  let best = 0;
  let bestReference = 0;
  // Interleaved, so that a slow moment of the machine hits both alike.
  for (let round = 0; round < ROUNDS; round++) {
    bestReference = Math.max(bestReference, rateOf(reference));
    best = Math.max(best, rateOf(product));
  }
  if (seen > 255) process.stdout.write('unreachable\n');
  return {
    name: 'AKA vectors (MILENAGE)',
    ratio: best / bestReference,
    perSecond: best,
    reference: 'six AES-128 blocks by createCipheriv and one update',
  };
}

function rateOf(round: () => void): number {
  const start = process.hrtime.bigint();
  round();
  return (ROUND_VECTORS * 1e9) / Number(process.hrtime.bigint() - start);
}
