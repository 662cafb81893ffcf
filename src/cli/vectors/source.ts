import { type AkaSource, createXor, opcFromOp } from '../../aka/index.ts';
import { GbaError, type SecretKey } from '../../base/index.ts';
import type { Comparison } from './comparison.ts';
import { notSupported } from './kind.ts';

interface SubscriberKeys {
  algorithm: string;
  k: SecretKey;
  op?: Buffer | undefined;
  opc?: SecretKey | undefined;
  /** XOR only. */
  resBits?: number | undefined;
}

const COMPUTED: readonly string[] = ['milenage', 'xor'];

/** To be asked before the fields are read: other algorithms have other fields. Throws `not-supported`. */
export function checkAlgorithm(algorithm: string | undefined): void {
  if (algorithm !== undefined && !COMPUTED.includes(algorithm)) throw notSupported(`algorithm ${algorithm}`);
}

/** The algorithm of a vector with its keys; an OPc that does not come from the OP beside it is a difference. */
export function akaSource(keys: SubscriberKeys, comparison: Comparison): AkaSource {
  checkAlgorithm(keys.algorithm);
  if (keys.algorithm === 'xor') {
    const bits = keys.resBits ?? 128;
    if (bits % 8 !== 0) throw new GbaError('vector-invalid', 'resBits: expected whole octets');
    return createXor(keys.k, bits / 8);
  }
  const fromOp = keys.op === undefined ? undefined : opcFromOp(keys.k, keys.op);
  const opc = fromOp ?? keys.opc;
  if (opc === undefined) throw new GbaError('vector-invalid', 'op or opc missing');
  if (fromOp !== undefined) comparison.octets('opc', fromOp.bytes(), keys.opc?.bytes());
  return { k: keys.k, opc };
}
