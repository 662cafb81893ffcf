import { z } from 'zod';
import { makeVector } from '../../aka/index.ts';
import {
  akaPassword,
  computeHa1,
  computeResponse,
  computeUserhash,
  knownAlgorithm,
  makeAkaNonce,
} from '../../digest/index.ts';
import { hex, hexKey, read } from './fields.ts';
import { type KindRunner, notSupported } from './kind.ts';
import { akaSource, checkAlgorithm } from './source.ts';

const head = { id: z.string(), note: z.string().optional() };
const common = {
  algorithm: z.string(),
  username: z.string(),
  realm: z.string(),
  method: z.string(),
  uri: z.string(),
  qop: z.enum(['auth', 'auth-int']).optional(),
  nc: z.string().optional(),
  cnonce: z.string().optional(),
  body: z.string().optional(),
  bodyHash: z.string().optional(),
};
const plainSchema = z.strictObject({
  ...head,
  in: z.strictObject({ ...common, password: z.string(), nonce: z.string() }),
  out: z.strictObject({ response: z.string(), ha1: z.string().optional(), userhash: z.string().optional() }),
});
const akaSchema = z.strictObject({
  ...head,
  in: z.strictObject({
    ...common,
    akaAlgorithm: z.string(),
    k: hexKey(16),
    op: hex(16).optional(),
    opc: hexKey(16).optional(),
    sqn: hex(6),
    amf: hex(2),
    rand: hex(16),
  }),
  out: z.strictObject({ response: z.string() }),
});

const akaHeadSchema = z.object({ in: z.object({ akaAlgorithm: z.string() }) });

type Common = z.infer<z.ZodObject<typeof common>>;

/** HTTP Digest with a text password (RFC 7616). */
export const runHttpDigest: KindRunner = (vector, comparison) => {
  const { in: given, out } = read(plainSchema, vector);
  const input = { ...digestInput(given), nonce: given.nonce, password: Buffer.from(given.password, 'utf8') };
  comparison.text('response', computeResponse(input), out.response);
  comparison.text('ha1', computeHa1(input), out.ha1);
  comparison.text('userhash', computeUserhash(input), out.userhash);
};

/** Digest AKA from K to the response (RFC 3310, RFC 4169). */
export const runDigestAka: KindRunner = (vector, comparison) => {
  checkAlgorithm(akaHeadSchema.safeParse(vector).data?.in.akaAlgorithm);
  const { in: given, out } = read(akaSchema, vector);
  const source = akaSource({ ...given, algorithm: given.akaAlgorithm }, comparison);
  const { autn, xres, ck, ik } = makeVector(source, given.rand, given.sqn, given.amf);
  const digest = digestInput(given);
  const password = akaPassword(given.algorithm, { res: xres, ik, ck });
  const input = { ...digest, nonce: makeAkaNonce(given.rand, autn), password };
  comparison.text('response', computeResponse(input), out.response);
};

function digestInput(given: Common) {
  const { algorithm, username, realm, method, uri, qop, nc, cnonce, body, bodyHash } = given;
  if (knownAlgorithm(algorithm) === undefined) throw notSupported(`algorithm ${algorithm}`);
  return {
    algorithm,
    username,
    realm,
    method,
    uri,
    ...(qop === undefined ? {} : { qop }),
    ...(nc === undefined ? {} : { nc }),
    ...(cnonce === undefined ? {} : { cnonce }),
    ...(body === undefined ? {} : { body: Buffer.from(body, 'utf8') }),
    ...(bodyHash === undefined ? {} : { bodyHash }),
  };
}
