import { fromBase64, GbaError } from '../../base/index.ts';
import { type Csr, parseDer, readCsr } from '../../x509/index.ts';

export type ResponseType = 'single' | 'chain';

/** What the answer shall be (TS 24.109 6.2.1); nothing said is `single`. Throws `response-type-unsupported`. */
export function readResponseType(query: URLSearchParams): ResponseType {
  const [type = 'single', more] = query.getAll('response');
  if (more !== undefined) throw new GbaError('response-type-unsupported', 'one response type only');
  if (type === 'single' || type === 'chain') return type;
  const why = type === 'pointer' ? 'no pointers to certificates are given' : 'this response type is unknown';
  throw new GbaError('response-type-unsupported', `${why}; ask for single or chain`);
}

/** The body of an enrolment (TS 24.109 table E.3.1-1). Throws `media-type-unsupported`, `csr-invalid`. */
export function readEnrolment(contentType: string | undefined, body: Uint8Array): Csr {
  const type = contentType?.split(';', 1)[0]?.trim().toLowerCase();
  if (type !== 'application/x-pkcs10') {
    throw new GbaError('media-type-unsupported', 'a request comes as application/x-pkcs10');
  }
  return readCsr(Buffer.from(body).toString('latin1'));
}

/**
 * `in` of a CA certificate delivery: base64 of the DER of a Name (TS 24.109 E.5). A blank is a plus sign that was not
 * percent-encoded. Throws `issuer-invalid`.
 */
export function readIssuer(query: URLSearchParams): Buffer {
  const [text, more] = query.getAll('in');
  if (text === undefined || more !== undefined) throw new GbaError('issuer-invalid', 'exactly one issuer is needed');
  try {
    const name = fromBase64(text.replaceAll(' ', '+'), 'issuer');
    parseDer(name, { size: 4096 });
    return name;
  } catch (cause) {
    throw new GbaError('issuer-invalid', 'the issuer is not the base64 of a DER name', { cause });
  }
}
