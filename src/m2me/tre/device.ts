import { createPrivateKey, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { GbaError } from '../../base/index.ts';
import { generateKeyPair, type Signer } from '../../x509/index.ts';
import type { Compartment, Vault } from './compartment.ts';
import { packRecord, unpackRecord } from './record.ts';

const COMPARTMENT = 'device';
const certificateSchema = z.strictObject({ certificate: z.string(), operator: z.string() });

/** The device signing key: put in at manufacture, or made here and certified later by an operator's PKI portal. */
export interface Device {
  readonly key: KeyObject;
  /** Undefined while the key has no certificate. */
  certificate(): Buffer | undefined;
  /** Throws `device-not-enrolled` (retryable) while the key has no certificate. */
  signer(): Signer;
  /** Which operator's portal certified the key; undefined for a factory key. */
  enrolledAt(): string | undefined;
  /** Durable when it resolves. */
  install(certificate: Uint8Array, operator: string): Promise<void>;
}

/** `factory`: key and certificate from the manufacturer; without them the TRE makes a key of its own, once. */
export async function openDevice(vault: Vault, factory: Signer | undefined): Promise<Device> {
  if (factory !== undefined) {
    return {
      key: factory.key,
      certificate: () => factory.certificate,
      signer: () => factory,
      enrolledAt: () => undefined,
      install: () => Promise.reject(new GbaError('device-has-factory-key', 'a factory key is not enrolled')),
    };
  }
  const compartment = await vault.create(COMPARTMENT);
  const key = (await readKey(compartment)) ?? (await makeKey(compartment));
  let enrolled = await readCertificateOf(compartment);
  return {
    key,
    certificate: () => enrolled?.certificate,
    signer() {
      if (enrolled !== undefined) return { key, certificate: enrolled.certificate };
      throw new GbaError('device-not-enrolled', 'the device key has no certificate yet', { retryable: true });
    },
    enrolledAt: () => enrolled?.operator,
    async install(certificate, operator) {
      const meta = { certificate: Buffer.from(certificate).toString('base64'), operator };
      const packed = packRecord(meta, []);
      await compartment.write('certificate', packed.bytes());
      packed.erase();
      enrolled = { certificate: Buffer.from(certificate), operator };
    },
  };
}

async function readKey(compartment: Compartment): Promise<KeyObject | undefined> {
  const der = await compartment.read('key');
  if (der === undefined) return undefined;
  const key = createPrivateKey({ key: der.bytes(), format: 'der', type: 'pkcs8' });
  der.erase();
  return key;
}

async function makeKey(compartment: Compartment): Promise<KeyObject> {
  const { privateKey } = generateKeyPair();
  const der = privateKey.export({ format: 'der', type: 'pkcs8' });
  await compartment.write('key', der);
  der.fill(0);
  return privateKey;
}

async function readCertificateOf(compartment: Compartment) {
  const packed = await compartment.read('certificate');
  if (packed === undefined) return undefined;
  const { meta } = unpackRecord(packed, (value) => certificateSchema.parse(value));
  return { certificate: Buffer.from(meta.certificate, 'base64'), operator: meta.operator };
}
