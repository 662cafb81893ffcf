import { parse, YAMLParseError } from 'yaml';
import type { z } from 'zod';
import { GbaError } from '../base/index.ts';
import { readTextFile } from '../http/index.ts';

/** A function's configuration from YAML or JSON; throws `config-invalid` with the place of every complaint. */
export function loadConfig<T>(path: string, schema: z.ZodType<T>): T {
  let parsed: unknown;
  try {
    parsed = parse(readTextFile(path));
  } catch (cause) {
    if (cause instanceof GbaError) throw cause;
    throw new GbaError('config-invalid', `${path} is neither YAML nor JSON${placeOf(cause)}`, { cause });
  }
  const result = schema.safeParse(parsed);
  if (result.success) return result.data;
  const complaints = result.error.issues.map((issue) => `${issue.path.join('.') || 'top'}: ${issue.message}`);
  throw new GbaError('config-invalid', `${path}: ${complaints.join('; ')}`);
}

/** Where, never what: the parser's own message quotes the line, and a configuration may hold a key. */
function placeOf(cause: unknown): string {
  const at = cause instanceof YAMLParseError ? cause.linePos?.[0] : undefined;
  return at === undefined ? '' : `: wrong at line ${at.line}, column ${at.col}`;
}
