import { z } from 'zod';
import { createSqnState, type SqnState, usimAuthenticate } from '../../aka/index.ts';
import { GbaError, SecretKey } from '../../base/index.ts';
import { deriveKsNaf, deriveTmpi, ksFrom, nafId } from '../../gba/index.ts';
import { decodeMcim, encodeMcim, type Mcim } from '../../mcim/index.ts';
import type { Compartment } from './compartment.ts';
import { packRecord, unpackRecord } from './record.ts';

/** Bootstrapping contexts kept: a token may mean an older one than the newest. */
const CONTEXTS_KEPT = 3;

const sqnSchema = z.strictObject({
  indBits: z.number(),
  delta: z.number(),
  ageLimit: z.number().nullable(),
  seqs: z.array(z.number()),
});
const contextsSchema = z.strictObject({
  tmpi: z.string().nullable(),
  contexts: z.array(
    z.strictObject({ btid: z.string(), rand: z.string(), impi: z.string(), bsf: z.string(), expiresAt: z.number() }),
  ),
});

/** A bootstrapping context without its key; `rand` in hexadecimal, `expiresAt` ms since 1970. */
export type ContextInfo = z.infer<typeof contextsSchema>['contexts'][number];

/** What the AUTHENTICATE command gives back. `ks` = CK || IK; the caller erases both keys. */
export type TreAnswer =
  | { result: 'ok'; res: SecretKey; ks: SecretKey }
  | { result: 'sync-failure'; auts: Buffer }
  | { result: 'mac-failure' };

export interface NafKey {
  btid: string;
  expiresAt: number;
  ksNaf: SecretKey;
}

/** Writes a subscription into an empty slot. */
export async function fillSlot(slot: Compartment, mcim: Mcim): Promise<void> {
  await writeSqn(slot, createSqnState({ indBits: mcim.indBits }));
  const encoded = encodeMcim(mcim);
  await slot.write('mcim', encoded.bytes());
  encoded.erase();
}

/** The subscription of a slot. Throws `slot-incomplete` when it cannot be read whole. */
export async function readMcim(slot: Compartment): Promise<Mcim> {
  const encoded = await slot.read('mcim');
  if (encoded === undefined) throw new GbaError('slot-incomplete', 'the slot holds no subscription');
  try {
    return decodeMcim(encoded.bytes());
  } finally {
    encoded.erase();
  }
}

/** AUTHENTICATE of the USIM; an accepted SQN is durable before RES is given out (TS 33.102 6.3.3). */
export async function authenticate(slot: Compartment, rand: Uint8Array, autn: Uint8Array): Promise<TreAnswer> {
  const mcim = await readMcim(slot);
  const answer = usimAuthenticate({ k: mcim.k, opc: mcim.opc }, await readSqn(slot), rand, autn);
  mcim.k.erase();
  mcim.opc.erase();
  if (answer.result !== 'ok') return answer;
  await writeSqn(slot, answer.next);
  const ks = ksFrom(answer.ck, answer.ik);
  answer.ck.fill(0);
  answer.ik.fill(0);
  return { result: 'ok', res: SecretKey.adopt(answer.res), ks };
}

async function readSqn(slot: Compartment): Promise<SqnState> {
  const packed = await slot.read('sqn');
  if (packed === undefined) throw new GbaError('slot-incomplete', 'the slot holds no sequence numbers');
  return unpackRecord(packed, (value) => sqnSchema.parse(value)).meta;
}

async function writeSqn(slot: Compartment, state: SqnState): Promise<void> {
  await writeRecord(slot, 'sqn', { ...state, delta: Number(state.delta) }, []);
}

async function writeRecord(slot: Compartment, name: string, meta: unknown, secrets: SecretKey[]): Promise<void> {
  const packed = packRecord(meta, secrets);
  await slot.write(name, packed.bytes());
  packed.erase();
}

interface Contexts {
  tmpi: string | null;
  contexts: ContextInfo[];
  keys: SecretKey[];
}

async function readContexts(slot: Compartment): Promise<Contexts> {
  const packed = await slot.read('contexts');
  if (packed === undefined) return { tmpi: null, contexts: [], keys: [] };
  const { meta, secrets } = unpackRecord(packed, (value) => contextsSchema.parse(value));
  return { ...meta, keys: secrets };
}

async function writeContexts(slot: Compartment, { tmpi, contexts, keys }: Contexts): Promise<void> {
  await writeRecord(slot, 'contexts', { tmpi, contexts }, keys);
  for (const key of keys) key.erase();
}

/** Adds a context as the newest; the ones that ended and those above the limit go. `withTmpi`: the BSF uses TMPIs too. */
export async function keepContext(
  slot: Compartment,
  context: ContextInfo,
  ks: SecretKey,
  { now, withTmpi }: { now: number; withTmpi: boolean },
): Promise<void> {
  const old = await readContexts(slot);
  const live = old.contexts.map((info, i) => ({ info, key: old.keys[i] })).filter(({ info }) => info.expiresAt > now);
  const kept = live.slice(0, CONTEXTS_KEPT - 1);
  const { impi, bsf } = context;
  const tmpi = withTmpi ? deriveTmpi({ ks, rand: Buffer.from(context.rand, 'hex'), impi, bsf }) : null;
  const keys = kept.flatMap(({ key }) => (key === undefined ? [] : [key]));
  await writeContexts(slot, {
    tmpi,
    contexts: [context, ...kept.map(({ info }) => info)],
    keys: [SecretKey.copyOf(ks.bytes()), ...keys],
  });
  for (const key of old.keys) key.erase();
}

/** Live contexts, newest first. */
export async function liveContexts(slot: Compartment, now: number): Promise<ContextInfo[]> {
  const { contexts, keys } = await readContexts(slot);
  for (const key of keys) key.erase();
  return contexts.filter(({ expiresAt }) => expiresAt > now);
}

export async function readTmpi(slot: Compartment): Promise<string | undefined> {
  const { tmpi, keys } = await readContexts(slot);
  for (const key of keys) key.erase();
  return tmpi ?? undefined;
}

export async function forgetTmpi(slot: Compartment): Promise<void> {
  await writeContexts(slot, { ...(await readContexts(slot)), tmpi: null });
}

/** Ks_NAF of every live context for one NAF and Ua protocol, newest first. */
export async function nafKeys(slot: Compartment, fqdn: string, uaId: Uint8Array, now: number): Promise<NafKey[]> {
  const { contexts, keys } = await readContexts(slot);
  const id = nafId(fqdn, uaId);
  const derived = contexts.flatMap(({ btid, rand, impi, expiresAt }, i) => {
    const ks = keys[i];
    if (ks === undefined || expiresAt <= now) return [];
    return [{ btid, expiresAt, ksNaf: deriveKsNaf({ ks, rand: Buffer.from(rand, 'hex'), impi, nafId: id }) }];
  });
  for (const key of keys) key.erase();
  return derived;
}
