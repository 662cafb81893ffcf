import { assertBytes, type SecretKey } from '../base/index.ts';
import type { AkaAlgorithm } from './algorithm.ts';
import type { AkaOutput } from './output.ts';

/**
 * The XOR algorithm of test USIMs (TS 34.108 8.1.2). For test networks only: K follows from one vector. `resOctets` is
 * the length of RES, 4..16. f1* = f1 and f5* = f5 here.
 */
export function createXor(k: SecretKey, resOctets = 16): AkaAlgorithm {
  assertBytes(k.bytes(), 16, 'K');
  if (!Number.isInteger(resOctets) || resOctets < 4 || resOctets > 16) {
    throw new RangeError('RES: expected 4 to 16 octets');
  }
  const xdout = (rand: Uint8Array): Buffer => {
    assertBytes(rand, 16, 'RAND');
    return xor(rand, k.bytes());
  };
  return {
    name: 'xor',
    compute(rand, sqn, amf): AkaOutput {
      assertBytes(sqn, 6, 'SQN');
      assertBytes(amf, 2, 'AMF');
      const out = xdout(rand);
      const mac = xor(Buffer.concat([sqn, amf]), out);
      return {
        macA: mac,
        macS: Buffer.from(mac),
        res: out.subarray(0, resOctets),
        ck: turned(out, 1),
        ik: turned(out, 2),
        ak: out.subarray(3, 9),
        akStar: out.subarray(3, 9),
      };
    },
    anonymity(rand) {
      const ak = xdout(rand).subarray(3, 9);
      return { ak, akStar: ak };
    },
  };
}

function xor(a: Uint8Array, b: Uint8Array): Buffer {
  return Buffer.from(a.map((octet, i) => octet ^ (b[i] ?? 0)));
}

function turned(octets: Buffer, by: number): Buffer {
  return Buffer.concat([octets.subarray(by), octets.subarray(0, by)]);
}
