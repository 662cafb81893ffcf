import { equalBytes, GbaError, SecretKey } from '../base/index.ts';
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
  isCms,
} from '../x509/index.ts';
import { hmac } from './keys.ts';
import { type SignedMessage, signedMessage } from './signed-message.ts';

/** What shows that a message of the machine is genuine: the MAC key of its purpose, or the device key (SHA-256). */
export type Proof = SecretKey | { device: Uint8Array };

/** A message as read: its fields, and whether it was made with `proof` (constant time). */
export type Read<T> = T & { matches(proof: Proof): boolean };

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
  /** SHA-256 of the package that it is about, 32 octets: a repeated failure of an older one says nothing of a corrected one. */
  packageDigest: Buffer;
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

const INVALID = 'message-der-invalid';
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
      return {
        ...value,
        matches: (proof) => proof instanceof SecretKey && equalBytes(envelope.mac, hmac(proof, envelope.body)),
      };
    },
  };
}

/** Runs a codec; what it refuses is `message-der-invalid` here. */
function asMessage<T>(code: () => T): T {
  try {
    return code();
  } catch (cause) {
    throw new GbaError(INVALID, 'the message is not strictly valid DER of its schema', { cause });
  }
}

const unregistrationFields = { serial, m2meId: derText(128), discardedAt: derTime, discardRecord: derOctets(32) };
const unregistration = message<Unregistration>(9, unregistrationFields);
const signedUnregistration = signedMessage<Unregistration>(24, INVALID, unregistrationFields);
const acknowledgement = message<Acknowledgement>(10, { serial, r: derOctets(32) });
const relay = message<Relay>(11, { serial, r: derOctets(32) });
const release = message<Release>(12, { serial });
const result = message<Result>(13, {
  serial,
  packageDigest: derOctets(32),
  outcome: derEnum(['success', 'failure']),
  reason: derText(64, true),
});
const returnFields = { serial, m2meId: derText(128), reason: derText(64) };
const returned = message<Return>(20, returnFields);
const signedReturn = signedMessage<Return>(25, INVALID, returnFields);

/** The same message by MAC or by the device key: the octets say which, whoever reads it need not care. */
const either =
  <T extends object>(maced: { read(der: Uint8Array): Read<T> }, signed: SignedMessage<T>) =>
  async (der: Uint8Array): Promise<Read<T>> => {
    if (!isCms(der)) return maced.read(der);
    const message = await signed.read(der);
    const by = Buffer.from(message.signer.spkiSha256, 'hex');
    const matches = (proof: Proof) => !(proof instanceof SecretKey) && equalBytes(by, proof.device);
    return { ...message, matches };
  };

export const makeUnregistration = unregistration.make;
export const signUnregistration = signedUnregistration.make;
export const readUnregistration = either(unregistration, signedUnregistration);
export const makeAcknowledgement = acknowledgement.make;
export const readAcknowledgement = acknowledgement.read;
export const makeRelay = relay.make;
export const readRelay = relay.read;
export const makeRelease = release.make;
export const readRelease = release.read;
export const makeResult = result.make;
export const readResult = result.read;
export const makeReturn = returned.make;
export const signReturn = signedReturn.make;
export const readReturn = either(returned, signedReturn);
