import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Avp,
  checkMessage,
  DiameterRefusal,
  decodeMessage,
  encodeMessage,
  type Message,
} from '../../src/diameter/index.ts';

const FILE = join(import.meta.dirname, 'vectors.json');
const { messages } = JSON.parse(readFileSync(FILE, 'utf8')) as { messages: { name: string; octets: string }[] };

export const vectors = new Map(messages.map(({ name, octets }) => [name, Buffer.from(octets, 'hex')]));

export function vector(name: string): Buffer {
  const octets = vectors.get(name);
  if (octets === undefined) throw new Error(`no vector ${name}`);
  return Buffer.from(octets);
}

/** Decodes and checks; the refusal instead of a message. */
export function refusalOf(octets: Buffer): DiameterRefusal {
  try {
    checkMessage(decodeMessage(octets));
  } catch (error) {
    if (error instanceof DiameterRefusal) return error;
    throw error;
  }
  throw new Error('it was taken');
}

/** The vector with its AVPs changed, encoded again. */
export function changed(name: string, change: (avps: readonly Avp[]) => readonly Avp[], head: Partial<Message> = {}) {
  const message = decodeMessage(vector(name));
  return encodeMessage({ ...message, ...head, avps: change(message.avps) });
}

export const without = (code: number) => (avps: readonly Avp[]) => avps.filter((avp) => avp.code !== code);
export const plus =
  (...more: Avp[]) =>
  (avps: readonly Avp[]) => [...avps, ...more];
