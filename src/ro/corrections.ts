import { toHex } from '../base/index.ts';
import type { Entry } from '../store/index.ts';
import { readResult } from '../token/index.ts';
import { type Book, type DeliveryDeps, refused } from './book.ts';
import { erasePin, findPin } from './pins.ts';
import { type DeliveryRecord, PACKAGE } from './records.ts';

/** What a machine gets that reported a failure (13): a corrected package, as soon as the new SHO has sent one. */
export function createCorrections({ config, store, sealer }: DeliveryDeps, { find }: Book) {
  /** The delivery whose machine reports a failure of an older package than the one that is here now. */
  async function reported(der: Uint8Array): Promise<Entry<DeliveryRecord>> {
    const result = readResult(der);
    const serial = toHex(result.serial);
    const entry = await find(serial, 'result-invalid');
    const keys = findPin(sealer, serial, entry.value.pins, (pin) => result.matches(pin.result));
    if (keys === undefined || result.outcome !== 'failure') {
      throw refused('result-invalid');
    }
    erasePin(keys);
    return entry;
  }

  return {
    /**
     * The corrected package for a machine that reported a failure: it has no subscription to prove, so the MACed report
     * (message 13) itself is the question. Undefined while the new SHO has sent none.
     */
    async correction(der: Uint8Array) {
      const entry = await reported(der);
      const { state, boundToken, size, digest } = entry.value;
      if (state !== 'released') return undefined;
      return { serial: entry.key, boundToken, size, digest, chunkBytes: config.chunkBytes };
    },

    async correctedPackage(der: Uint8Array): Promise<Buffer> {
      const { key, value } = await reported(der);
      const octets = value.state === 'released' ? await store.get<string>(PACKAGE, key) : undefined;
      if (octets === undefined) throw refused('delivery-unknown');
      return Buffer.from(octets.value, 'base64');
    },
  };
}
