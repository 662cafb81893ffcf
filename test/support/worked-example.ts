import { readFileSync } from 'node:fs';
import { fromHex, SecretKey, systemRandom } from '../../src/base/index.ts';
import { kdfInput } from '../../src/gba/index.ts';
import { makePackage, verifyPackage } from '../../src/mcim/index.ts';
import {
  blindBtid,
  type Claims,
  deriveRoKeys,
  deriveTokenKeys,
  encodeClaims,
  makeAcknowledgement,
  makeInstruction,
  makeQuote,
  makeRelay,
  makeRelease,
  makeResult,
  makeReturn,
  makeToken,
  makeUnregistration,
  makeValidation,
  narrowToken,
  readBoundToken,
  readToken,
  releaseLock,
} from '../../src/token/index.ts';
import { openEnvelope, verifyCms } from '../../src/x509/index.ts';
import { makeAuthority, makeSigner } from './certificates.ts';

/** The worked example of docs/protocol.md: what goes in, and each block of octets by its name. */
export interface DocExample {
  inputs: Map<string, string>;
  blocks: Map<string, Buffer>;
}

/** Reads the fenced blocks `inputs` and `hex NAME` of the page; text after ";" is explanation. */
export function readDocExample(): DocExample {
  const page = readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8');
  const example: DocExample = { inputs: new Map(), blocks: new Map() };
  for (const [, info = '', body = ''] of page.matchAll(/^```([^\n]*)\n([\s\S]*?)^```$/gm)) {
    const [kind, name = ''] = info.split(' ');
    if (kind === 'inputs') {
      for (const line of body.trim().split('\n')) {
        const [input = '', value = ''] = line.split(/ {2,}/);
        example.inputs.set(input, value);
      }
    } else if (kind === 'hex') {
      if (example.blocks.has(name)) throw new RangeError(`two blocks are named ${name}`);
      example.blocks.set(name, fromHex(body.replace(/;.*$/gm, '').replace(/\s+/g, ''), undefined, name));
    }
  }
  return example;
}

/** Every block from the inputs, by the product's own code. */
export async function computeExample(inputs: ReadonlyMap<string, string>): Promise<Map<string, Buffer>> {
  const text = (name: string): string => {
    const value = inputs.get(name);
    if (value === undefined) throw new RangeError(`the page lacks the input ${name}`);
    return value;
  };
  const octets = (name: string) => fromHex(text(name), undefined, name);
  const time = (name: string) => Date.parse(text(name));
  const ksNafToken = SecretKey.copyOf(octets('Ks_NAF(token)'));
  const ksNafRo = SecretKey.copyOf(octets('Ks_NAF(ro)'));
  const [serial, r, btid, m2meId] = [octets('serial'), octets('r'), text('B-TID'), text('M2ME id')];
  const newShoId = text('new SHO id');
  const claims: Claims = {
    version: 1,
    serial,
    bootstrap: { blinded: blindBtid(ksNafToken, serial, btid) },
    m2meId,
    newSho: { id: newShoId, keyHashes: [octets('new SHO key hash')] },
    roId: text('RO id'),
    permissions: { install: true, unregister: true },
    notBefore: time('not before'),
    notAfter: time('not after'),
    releaseLock: releaseLock(r),
  };
  const keys = deriveTokenKeys(ksNafToken, serial);
  const roKeys = deriveRoKeys(ksNafRo, serial);
  const token = makeToken(claims, keys);
  const bound = narrowToken(readToken(token), octets('SHA-256(package)'), newShoId);
  const claimsDer = encodeClaims(claims);
  const packageDigest = octets('SHA-256(package)');
  const { binding } = await readBoundToken(bound);
  const bare = (key: SecretKey) => Buffer.from(key.bytes());
  const discard = { discardedAt: time('discarded at'), discardRecord: octets('discard record') };
  return new Map<string, Buffer>([
    ['kdf-input-install', kdfInput(0xfe, [Buffer.from('gba-authz install'), serial])],
    ['k-install', bare(keys.install)],
    ['k-unregister', bare(keys.unregister)],
    ['k-ack', bare(keys.ack)],
    ['k-return', bare(keys.return)],
    ['k-activate', bare(roKeys.activate)],
    ['k-result', bare(roKeys.result)],
    ['k-relay', bare(roKeys.relay)],
    ['blinded-btid', blindBtid(ksNafToken, serial, btid)],
    ['release-lock', releaseLock(r)],
    ['claims', claimsDer],
    ['tag0', bare(readToken(token).tag0)],
    ['token', token],
    ['tag1', 'tag1' in binding ? binding.tag1 : Buffer.alloc(0)],
    ['bound-token', bound],
    ['claims-in-clear', encodeClaims({ ...claims, bootstrap: { btid } })],
    ['unregistration', makeUnregistration({ serial, m2meId, ...discard }, keys.unregister)],
    ['acknowledgement', makeAcknowledgement({ serial, r }, keys.ack)],
    ['relay', makeRelay({ serial, r }, roKeys.relay)],
    ['release', makeRelease({ serial }, roKeys.activate)],
    ['result', makeResult({ serial, packageDigest, outcome: 'success', reason: '' }, roKeys.result)],
    ['return', makeReturn({ serial, m2meId, reason: text('return reason') }, keys.return)],
    ...(await signedContents(inputs, claimsDer)),
  ]);
}

/** What stands inside the signatures and the envelope; those themselves hold random numbers. */
async function signedContents(inputs: ReadonlyMap<string, string>, claimsDer: Buffer): Promise<[string, Buffer][]> {
  const text = (name: string) => inputs.get(name) ?? '';
  const octets = (name: string) => fromHex(text(name), undefined, name);
  const authority = await makeAuthority('CA');
  const signer = await makeSigner('signer.test', authority);
  const tre = await makeSigner('tre.test', authority, 'encrypt');
  const [m2meId, orderId, nonce] = [text('M2ME id'), text('order id'), octets('nonce')];
  const treCertificate = octets('TRE certificate');
  const measurements = [{ name: 'firmware', sha256: octets('measurement') }];
  const verdict = { positive: true, reason: '', notAfter: Date.parse(text('not after')) };
  const instruction = { m2meId, number: 1, kind: 'change', announced: claimsDer } as const;
  const validation = { orderId, nonce, m2meId, ...verdict, treCertificate };
  const pack = await makePackage({
    newShoId: text('new SHO id'),
    m2meId,
    serial: octets('serial'),
    mcim: {
      impi: text('new IMPI'),
      algorithm: 'milenage',
      k: SecretKey.copyOf(octets('new K')),
      opc: SecretKey.copyOf(octets('new OPc')),
      indBits: 5,
      bsf: { fqdn: text('new BSF'), url: text('new BSF URL') },
      sho: { id: text('new SHO id'), url: text('new SHO URL') },
    },
    signer,
    recipientCertificate: tre.certificate,
    random: systemRandom,
  });
  const content = async (der: Buffer) => (await verifyCms(der)).content;
  const { envelope } = await verifyPackage(pack);
  return [
    ['instruction-content', await content(await makeInstruction(instruction, signer))],
    ['quote-content', await content(await makeQuote({ m2meId, nonce, orderId, measurements, treCertificate }, signer))],
    ['validation-content', await content(await makeValidation(validation, signer))],
    ['package-content', (await openEnvelope(envelope, tre.key, tre.certificate)).bytes()],
  ];
}
