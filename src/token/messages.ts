import { equalBytes, GbaError, type SecretKey } from '../base/index.ts';
import {
  type DerCodec,
  decodeDer,
  derEnum,
  derInteger,
  derOctets,
  derSequence,
  derText,
  derTime,
  encodeDer,
} from '../x509/index.ts';
import { hmac } from './keys.ts';

/** A message as read: its fields, and whether its MAC is the one of `key` (constant time). */
export type Read<T> = T & { matches(key: SecretKey): boolean };

export interface Unregistration {
  serial: Buffer;
  m2meId: string;
  /** When the discard record was durable, milliseconds. */
  discardedAt: number;
  /** SHA-256 of the discard record, 32 octets. */
  discardRecord: Buffer;
}

export interface Acknowledgement {
  serial: Buffer;
  /** What the release lock locks, 32 octets. */
  r: Buffer;
}

export interface Relay {
  serial: Buffer;
  r: Buffer;
}

export interface Release {
  serial: Buffer;
}

export interface Result {
  serial: Buffer;
  outcome: 'success' | 'failure';
  /** Stable code of the failure; empty after a success. */
  reason: string;
}

export interface Return {
  serial: Buffer;
  m2meId: string;
  reason: string;
}

interface Envelope {
  body: Buffer;
  mac: Buffer;
}

const serial = derOctets(16);
const envelopeCodec = derSequence<Envelope>({ body: derOctets(1, 2048), mac: derOctets(32) });

/** One kind of message: its number stands inside the MACed body, so that none passes for another. */
function message<T extends object>(kind: number, fields: { [K in keyof T]: DerCodec<T[K]> }) {
  const body = derSequence<{ kind: number; fields: T }>({
    kind: derInteger(kind, kind),
    fields: derSequence<T>(fields),
  });
  return {
    make(value: T, key: SecretKey): Buffer {
      const octets = asMessage(() => encodeDer(body, { kind, fields: value }));
      return encodeDer(envelopeCodec, { body: octets, mac: hmac(key, octets) });
    },
    read(der: Uint8Array): Read<T> {
      const envelope = asMessage(() => decodeDer(envelopeCodec, der, { size: 4096 }));
      const { fields: value } = asMessage(() => decodeDer(body, envelope.body));
      return { ...value, matches: (key) => equalBytes(envelope.mac, hmac(key, envelope.body)) };
    },
  };
}

/** Runs a codec; what it refuses is `message-der-invalid` here. */
function asMessage<T>(code: () => T): T {
  try {
    return code();
  } catch (cause) {
    throw new GbaError('message-der-invalid', 'the message is not strictly valid DER of its schema', { cause });
  }
}

const unregistration = message<Unregistration>(9, {
  serial,
  m2meId: derText(128),
  discardedAt: derTime,
  discardRecord: derOctets(32),
});
const acknowledgement = message<Acknowledgement>(10, { serial, r: derOctets(32) });
const relay = message<Relay>(11, { serial, r: derOctets(32) });
const release = message<Release>(12, { serial });
const result = message<Result>(13, { serial, outcome: derEnum(['success', 'failure']), reason: derText(64, true) });
const returned = message<Return>(20, { serial, m2meId: derText(128), reason: derText(64) });

export const makeUnregistration = unregistration.make;
export const readUnregistration = unregistration.read;
export const makeAcknowledgement = acknowledgement.make;
export const readAcknowledgement = acknowledgement.read;
export const makeRelay = relay.make;
export const readRelay = relay.read;
export const makeRelease = release.make;
export const readRelease = release.read;
export const makeResult = result.make;
export const readResult = result.read;
export const makeReturn = returned.make;
export const readReturn = returned.read;
