import { z } from 'zod';
import { GbaError } from '../base/index.ts';
import { PROBLEM_TYPE, problemOf, type Route } from '../http/index.ts';

/** One operation of an API: the route that serves it, and what is said of it to others. */
export interface Operation extends Route {
  /** operationId. */
  id: string;
  summary: string;
  body?: z.ZodType;
  answer: { status: number; schema: z.ZodType };
  /** Stable codes of its refusals; those that any operation may have are added. */
  codes: readonly string[];
  /** Takes an Idempotency-Key. */
  keyed?: true;
}

type Json = Record<string, unknown>;

const EVERYWHERE = ['not-found', 'store-unavailable', 'internal'];
/** Path parameters are names that the operator made: hexadecimal of 16 octets. */
const NAME_PATTERN = '^[0-9a-f]{32}$';

/** OpenAPI 3.1 of these operations (JSON Schema 2020-12), made from the very schemas that requests are checked with. */
export function describeApi(server: string, operations: readonly Operation[]): Json {
  const paths: Record<string, Json> = {};
  for (const operation of operations) {
    const path = operation.path.replace(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [operation.method.toLowerCase()]: operationObject(operation) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: `Owner's API of ${server}`,
      version: '1',
      description:
        'What the owner of machines (M2ME subscriber) asks an operator (SHO) for: releases of its old one, orders of its new one. ' +
        'Clients are known by their TLS certificate. Every refusal is problem+json (RFC 9457) with a stable code in `cause`; ' +
        '408, 429, 5xx and the code `conflict` are worth a repeat, and repeating any request is safe.',
    },
    paths,
    components: {
      schemas: { Problem: problemSchema() },
      securitySchemes: { clientCertificate: { type: 'mutualTLS' } },
    },
    security: [{ clientCertificate: [] }],
  };
}

const IDEMPOTENCY_KEY = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description:
    'A name for this request, the same for each repeat, in quotes: however late it comes, a repeat is answered alike and does ' +
    'nothing. Another body under the same key is refused. Kept for 30 days',
  schema: { type: 'string', pattern: '^"[A-Za-z0-9._~-]{1,64}"$' },
};

function operationObject({ id, summary, path, body, answer, codes, keyed }: Operation): Json {
  const names = [...path.matchAll(/:(\w+)/g)].map((match) => match[1] ?? '');
  const parameters: Json[] = names.map((name) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string', pattern: NAME_PATTERN },
  }));
  if (keyed) parameters.push(IDEMPOTENCY_KEY);
  return {
    operationId: id,
    summary,
    ...(parameters.length > 0 && { parameters }),
    ...(body !== undefined && { requestBody: { required: true, content: jsonContent(schemaOf(body)) } }),
    responses: {
      [String(answer.status)]: { description: 'done', content: jsonContent(schemaOf(answer.schema)) },
      ...refusals([...codes, ...EVERYWHERE]),
    },
  };
}

const jsonContent = (schema: Json): Json => ({ 'application/json': { schema } });

/** Refusals by the status that each code has. */
function refusals(codes: readonly string[]): Record<string, Json> {
  const byStatus = new Map<number, string[]>();
  for (const code of codes) {
    const { status } = problemOf(new GbaError(code, code));
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return Object.fromEntries(
    [...byStatus].map(([status, causes]) => [
      String(status),
      {
        description: causes.join(', '),
        content: {
          'application/problem+json': {
            schema: {
              allOf: [{ $ref: '#/components/schemas/Problem' }],
              properties: { cause: { enum: causes }, status: { const: status } },
            },
          },
        },
      },
    ]),
  );
}

function problemSchema(): Json {
  return {
    type: 'object',
    required: ['type', 'title', 'status', 'cause'],
    additionalProperties: false,
    properties: {
      type: { type: 'string', pattern: `^${PROBLEM_TYPE}[a-z0-9-]+$` },
      title: { type: 'string' },
      status: { type: 'integer', minimum: 400, maximum: 599 },
      cause: { type: 'string', pattern: '^[a-z0-9-]+$', description: 'stable code' },
      detail: { type: 'string' },
    },
  };
}

function schemaOf(schema: z.ZodType): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { target: 'draft-2020-12' });
  return rest;
}
