import {
  type AkaKeys,
  createSqnGenerator,
  makeVector,
  nextSqn,
  openAuts,
  resync,
  type SqnGenerator,
} from '../../src/aka/index.ts';
import { GbaError, systemRandom } from '../../src/base/index.ts';
import type { AvSource, SubscriberVector } from '../../src/bsf/index.ts';

export interface TestHssSubscriber {
  keys: AkaKeys;
  generator: SqnGenerator;
  settings: Partial<Pick<SubscriberVector, 'uiccType' | 'keyLifetimeSeconds' | 'uss'>>;
}

/** The HSS's part in the BSF's own process: MILENAGE, a counter, resynchronisation. */
export function createTestHss() {
  const subscribers = new Map<string, TestHssSubscriber>();
  const state = { vectors: 0, down: false, rand: undefined as Buffer | undefined };
  const source: AvSource = {
    async fetch({ impi, resync: sync }) {
      if (state.down) throw new GbaError('peer-unreachable', 'the HSS is down', { retryable: true });
      const subscriber = subscribers.get(impi);
      if (subscriber === undefined) throw new GbaError('user-unknown', 'no such subscriber');
      if (sync !== undefined) {
        const opened = openAuts(subscriber.keys, sync.rand, sync.auts);
        if (opened === undefined) throw new GbaError('auts-refused', 'MAC-S is wrong');
        subscriber.generator = resync(subscriber.generator, opened.sqnMs, 0);
      }
      const { sqn, next } = nextSqn(subscriber.generator, 0);
      subscriber.generator = next;
      state.vectors++;
      const rand = state.rand ?? systemRandom.bytes(16);
      const vector = makeVector(subscriber.keys, rand, sqn, Buffer.from('8000', 'hex'));
      return { impi, ...vector, uiccType: 'GBA', ...subscriber.settings };
    },
  };
  return {
    source,
    state,
    add(impi: string, keys: AkaKeys, settings: TestHssSubscriber['settings'] = {}) {
      subscribers.set(impi, { keys, generator: createSqnGenerator({ scheme: 'counter', nowMs: 0 }), settings });
    },
    remove: (impi: string) => subscribers.delete(impi),
  };
}
