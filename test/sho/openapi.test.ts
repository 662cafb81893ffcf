import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { after, before, test } from 'node:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { z } from 'zod';
import { silentLog } from '../../src/base/index.ts';
import { createClient, type HttpClient, loadTls } from '../../src/http/index.ts';
import { type Lab, NAMES } from '../../src/lab/index.ts';
import { operatorRoutes } from '../../src/sho/http.ts';
import { EXAMPLE_SCENARIO, withLab } from '../support/lab.ts';

const MACHINE = 'm2me-0001';
const bodySchema = z.record(z.string(), z.looseObject({ schema: z.record(z.string(), z.unknown()) }));
const operationSchema = z.looseObject({
  operationId: z.string(),
  requestBody: z.looseObject({ content: bodySchema }).optional(),
  responses: z.record(z.string(), z.looseObject({ content: bodySchema })),
});
const documentSchema = z.looseObject({
  openapi: z.string(),
  paths: z.record(z.string(), z.record(z.string(), operationSchema)),
  components: z.looseObject({ schemas: z.record(z.string(), z.unknown()) }),
});
type Document = z.infer<typeof documentSchema>;

interface Exchange {
  method: string;
  path: string;
  body: Buffer;
  status: number;
  type: string;
  answer: Buffer;
}

/** Everything that passed the operators' sbi doors. */
const exchanges: Exchange[] = [];

/** Writes down what a listener is asked and answers. */
function tee(server: string, listener: (req: IncomingMessage, res: ServerResponse) => void) {
  if (!server.endsWith(' sbi')) return listener;
  return (req: IncomingMessage, res: ServerResponse): void => {
    const asked: Buffer[] = [];
    // The router reads by read(): what it is given passes here.
    const read = req.read.bind(req);
    req.read = (size?: number) => {
      const chunk: unknown = read(size);
      if (Buffer.isBuffer(chunk)) asked.push(chunk);
      return chunk;
    };
    let type = '';
    const writeHead = res.writeHead.bind(res);
    res.writeHead = ((status: number, headers: Record<string, string>) => {
      type = headers['content-type'] ?? '';
      return writeHead(status, headers);
    }) as typeof res.writeHead;
    const end = res.end.bind(res);
    res.end = ((chunk?: Buffer) => {
      exchanges.push({
        method: req.method ?? '',
        path: req.url ?? '',
        body: Buffer.concat(asked),
        status: res.statusCode,
        type,
        answer: chunk ?? Buffer.alloc(0),
      });
      return end(chunk);
    }) as typeof res.end;
    listener(req, res);
  };
}

let document: Document;
const ajv = new Ajv2020({ strict: true, strictTypes: false, allErrors: true });
// Where the references of the document point to.
ajv.addVocabulary(['components']);

/** Fails unless the description has this exchange: operation, body, status, media type, answer and its code. */
function assertDescribed({ method, path, body, status, type, answer }: Exchange): void {
  const what = `${method} ${path} ${status} ${answer.toString()}`;
  const found = Object.keys(document.paths).find((one) =>
    new RegExp(`^${one.replace(/\{\w+\}/g, '[^/]+')}$`).test(path),
  );
  const operation = document.paths[found ?? '']?.[method.toLowerCase()];
  assert.ok(operation, `not described: ${what}`);
  const valid = (schema: Record<string, unknown> | undefined, octets: Buffer): void => {
    assert.ok(schema, `no schema: ${what}`);
    const check = ajv.compile({ ...schema, components: document.components });
    assert.ok(check(JSON.parse(octets.toString())), `${what}: ${ajv.errorsText(check.errors)}`);
  };
  if (status < 300 && operation.requestBody !== undefined) {
    valid(operation.requestBody.content['application/json']?.schema, body);
  }
  valid(operation.responses[String(status)]?.content[type]?.schema, answer);
}

const ofOwner = ({ path }: Exchange): boolean => /^\/(?:owner|public)\//.test(path);

async function doorOf(lab: Lab, id: string, as: string = NAMES.owner): Promise<HttpClient> {
  const port = lab.plan.sho.find((sho) => sho.id === id)?.sbi.port ?? 0;
  return createClient({ url: `https://127.0.0.1:${port}`, serverName: id, tls: loadTls(await lab.pki.tls(as)) });
}

let lab: Lab;
let done: () => void;
let running: Promise<void>;
before(async () => {
  await new Promise<void>((started, failed) => {
    running = withLab(
      async (test) => {
        lab = test.lab;
        const client = await doorOf(lab, NAMES.oldSho);
        document = (await client.call('GET', '/openapi.json')).json(documentSchema);
        client.close();
        const wish = { variant: 'signed' } as const;
        assert.equal((await test.owner.change(MACHINE, 30_000, wish)).state, 'done');
        started();
        await new Promise<void>((resolve) => {
          done = resolve;
        });
      },
      { scenario: { ...EXAMPLE_SCENARIO, basePort: 0 }, wrap: tee },
    );
    running.catch(failed);
  });
});
after(async () => {
  done();
  await running;
});

test("the description of the owner's API is valid OpenAPI 3.1", async () => {
  const result = await new Validator().validate(structuredClone(document));
  assert.ok(result.valid, JSON.stringify(result.errors));
  assert.match(document.openapi, /^3\.1\./);
});

test('every route for owners is described, and everything described is served', async () => {
  const roles = { releases: {}, orders: {}, preloads: {}, lettingGo: {} } as Parameters<typeof operatorRoutes>[0];
  const sho = lab.plan.sho[0];
  assert.ok(sho);
  const routes = operatorRoutes(roles, sho, silentLog)
    .filter(({ path }) => /^\/(?:owner|public)\//.test(path))
    .map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, '{$1}')}`);
  const described = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
  );
  assert.deepEqual(described.sort(), routes.sort());
  const client = await doorOf(lab, NAMES.oldSho, NAMES.stranger);
  for (const one of described) {
    const [method = '', path = ''] = one.split(' ');
    const answer = await client.send(method, path.replace(/\{\w+\}/g, '0'.repeat(32)), { json: {} });
    assert.notEqual(answer.cause(), 'not-found', one);
    assert.notEqual(answer.status, 405, one);
  }
  client.close();
});

test('every request of the owner during a whole change, and every answer to it, is as described', () => {
  const seen = exchanges.filter(ofOwner);
  for (const exchange of seen) assertDescribed(exchange);
  const kinds = new Set(seen.map(({ method, path }) => `${method} ${path.replace(/[0-9a-f]{32}/, '*')}`));
  for (const kind of [
    'GET /public/v1/signing-keys',
    'POST /owner/v1/releases',
    'POST /owner/v1/releases/*/consent',
    'POST /owner/v1/orders',
    'GET /owner/v1/orders/*',
  ]) {
    assert.ok(kinds.has(kind), kind);
  }
});

test('every refusal is a problem of a described status with a described code', async () => {
  const old = await doorOf(lab, NAMES.oldSho);
  const fresh = await doorOf(lab, NAMES.newSho);
  const stranger = await doorOf(lab, NAMES.newSho, NAMES.stranger);
  const strangerOld = await doorOf(lab, NAMES.oldSho, NAMES.stranger);
  const { value: order, key } = (await lab.stores.get(NAMES.newSho)?.list<{ serial: string }>('order'))?.[0] ?? {};
  const from = exchanges.length;
  const serial = (order as { serial: string }).serial;
  const release = { m2meId: MACHINE, newSho: { id: NAMES.newSho, keyHashes: ['00'.repeat(32)] }, roId: NAMES.ro };
  const wish = { m2meId: MACHINE, roId: NAMES.ro, pvaId: NAMES.pva, algorithms: ['milenage'], token: 'AAAA' };
  const none = 'f'.repeat(32);
  const tries: [HttpClient, string, string, object | undefined, string][] = [
    [old, 'POST', '/owner/v1/releases', {}, 'json-invalid'],
    [old, 'POST', '/owner/v1/releases', { ...release, extra: 1 }, 'json-invalid'],
    [old, 'POST', '/owner/v1/releases', release, 'not-owner'],
    [old, 'POST', '/owner/v1/releases', { ...release, m2meId: 'other' }, 'not-owner'],
    [fresh, 'POST', '/owner/v1/releases', { ...release, m2meId: 'other' }, 'not-owner'],
    [old, 'GET', `/owner/v1/releases/${none}`, undefined, 'release-unknown'],
    [strangerOld, 'GET', `/owner/v1/releases/${serial}`, undefined, 'release-unknown'],
    [old, 'POST', `/owner/v1/releases/${serial}/recall`, undefined, 'too-late'],
    [old, 'POST', `/owner/v1/releases/${none}/consent`, { signature: 'AAAA' }, 'release-unknown'],
    [old, 'POST', `/owner/v1/releases/${none}/consent`, { signature: '!' }, 'base64-invalid'],
    [old, 'POST', `/owner/v1/releases/${none}/recall`, undefined, 'release-unknown'],
    [fresh, 'POST', '/owner/v1/orders', { ...wish, algorithms: ['tuak'] }, 'algorithm-unsupported'],
    [fresh, 'POST', '/owner/v1/orders', wish, 'token-der-invalid'],
    [fresh, 'POST', '/owner/v1/orders', { ...wish, token: 'A'.repeat(70_000) }, 'body-too-large'],
    [fresh, 'GET', `/owner/v1/orders/${none}`, undefined, 'order-unknown'],
    [stranger, 'GET', `/owner/v1/orders/${key}`, undefined, 'order-unknown'],
  ];
  for (const [client, method, path, json, code] of tries) {
    const answer = await client.send(method, path, json === undefined ? {} : { json });
    assert.equal(answer.cause(), code, `${method} ${path}`);
  }
  const seen = exchanges.slice(from).filter(ofOwner);
  assert.equal(seen.length, tries.length);
  for (const exchange of seen) assertDescribed(exchange);
  for (const client of [old, fresh, stranger, strangerOld]) client.close();
});
