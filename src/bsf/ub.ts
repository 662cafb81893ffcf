import type { IncomingMessage, ServerResponse } from 'node:http';
import { codeOf, GbaError, type Log, messageOf, type Tally } from '../base/index.ts';
import { buildChallenge } from '../digest/index.ts';
import { authorizationsOf, hasBody, type Listener, sendProblem, TMPI_TOKEN, UB_CONTENT_TYPE } from '../http/index.ts';
import type { UbOutcome } from './bootstrap-service.ts';
import { UbOverload } from './outstanding.ts';
import type { Bootstrapped } from './procedures/bootstrap.ts';
import { readUbRequest, type UbRequest, type UbRequestParts } from './procedures/read-request.ts';

/** Every answer on Ub says that this BSF knows TMPIs (TS 33.220 4.5.2). */
const SERVER = `gba-authz ${TMPI_TOKEN}`;
/** Echoed by the UE; it holds nothing, the nonce is the state. */
const OPAQUE = '7562';
const RETRY_SECONDS = '5';

/** The Ub endpoint (TS 24.109 4) as a plain listener. `realm` is the BSF's configured name, never the Host header. */
export function createUbListener(
  realm: string,
  serve: (request: UbRequest, from: string) => Promise<UbOutcome>,
  { log, overloads }: { log: Log; overloads: Tally },
): Listener {
  const refuse = (res: ServerResponse, error: unknown): void => {
    // In a flood a line for each would be one more.
    if (error instanceof UbOverload) overloads.add(error.limit);
    else logRefusal(error, log);
    sendRefusal(res, error);
  };
  return (req, res) => {
    let request: UbRequest;
    try {
      request = readUbRequest(partsOf(req), realm, OPAQUE);
    } catch (error) {
      refuse(res, error);
      return;
    }
    serve(request, req.socket.remoteAddress ?? '').then(
      (outcome) => {
        if (outcome.kind === 'challenge') sendChallenge(res, realm, outcome.nonce);
        else sendContext(res, outcome.context);
      },
      (error: unknown) => refuse(res, error),
    );
  };
}

function partsOf(req: IncomingMessage): UbRequestParts {
  return {
    method: req.method ?? '',
    target: req.url ?? '',
    authorization: authorizationsOf(req),
    userAgent: req.headers['user-agent'] ?? '',
    hasBody: hasBody(req),
  };
}

function sendChallenge(res: ServerResponse, realm: string, nonce: string): void {
  res.writeHead(401, {
    Server: SERVER,
    'WWW-Authenticate': buildChallenge({ realm, nonce, algorithm: 'AKAv1-MD5', qop: ['auth-int'], opaque: OPAQUE }),
    'Cache-Control': 'no-store',
    'Content-Length': 0,
  });
  res.end();
}

function sendContext(res: ServerResponse, context: Bootstrapped): void {
  res.writeHead(200, {
    Server: SERVER,
    'Authentication-Info': context.authenticationInfo,
    Expires: new Date(context.keyExpiry).toUTCString(),
    'Content-Type': UB_CONTENT_TYPE,
    'Cache-Control': 'no-store',
    'Content-Length': context.body.length,
  });
  // As text the body leaves in one write with its headers; it is ASCII.
  res.end(context.body.toString('latin1'), 'latin1');
}

function logRefusal(error: unknown, log: Log): void {
  const code = codeOf(error);
  if (error instanceof GbaError) log.info('ub-refused', { code });
  else log.error('ub-failed', { code, message: messageOf(error) });
}

function sendRefusal(res: ServerResponse, error: unknown): void {
  const code = codeOf(error);
  const headers: Record<string, string> = { server: SERVER };
  if (code === 'method-not-allowed') headers['allow'] = 'GET';
  if (error instanceof GbaError && error.retryable) headers['retry-after'] = RETRY_SECONDS;
  sendProblem(res, error, headers);
}
