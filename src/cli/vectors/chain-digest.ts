import {
  buildAuthorization,
  computeHa1,
  computeResponse,
  computeRspauth,
  parseAuthorization,
} from '../../digest/index.ts';
import { parseBootstrappingInfo } from '../../http/index.ts';
import type { UbDigest } from './chain-schema.ts';
import type { Comparison } from './comparison.ts';

interface Known {
  username: string;
  realm: string;
  nonce: string;
  password: Buffer;
  auts?: Buffer;
}

/** The Ub answer (TS 24.109 A.3, A.4): computed from what this run knows, and read back from its own header. */
export function checkUbDigest(name: string, digest: UbDigest, known: Known, comparison: Comparison): void {
  const { password: _password, ha1, response, ...fields } = digest;
  comparison.text(`${name}.username`, known.username, digest.username);
  comparison.text(`${name}.realm`, known.realm, digest.realm);
  comparison.text(`${name}.nonce`, known.nonce, digest.nonce);
  comparison.octets(`${name}.password`, known.password, digest.password);
  const { auts, ...values } = known;
  const input = { ...fields, ...values };
  comparison.text(`${name}.ha1`, computeHa1(input), ha1);
  comparison.text(`${name}.response`, computeResponse(input), response);
  const { method: _method, ...sent } = fields;
  const header = buildAuthorization({ ...pick(sent), response, ...(auts === undefined ? {} : { auts }) });
  const received = parseAuthorization(header);
  comparison.text(`${name}: header read back`, buildAuthorization(received), header);
  comparison.text(`${name}: username read back`, received.username, digest.username);
}

/** The 200 answer: `rspauth` over its body, and the B-TID inside (TS 24.109 A.3, C.1). */
export function checkUbAnswer(
  name: string,
  digest: UbDigest & { body200: string; rspauth: string },
  btid: string,
  comparison: Comparison,
): void {
  const { body200, rspauth, ...input } = digest;
  const body = Buffer.from(body200, 'utf8');
  comparison.text(`${name}.rspauth`, computeRspauth({ ...input, body }), rspauth);
  comparison.text(`${name}.body200`, parseBootstrappingInfo(body).btid, btid);
}

function pick({
  username,
  realm,
  nonce,
  uri,
  qop,
  nc,
  cnonce,
  algorithm,
}: Omit<UbDigest, 'password' | 'ha1' | 'response' | 'method'>) {
  return { username, realm, nonce, uri, qop, nc, cnonce, algorithm };
}
