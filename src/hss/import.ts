import { parse } from 'yaml';
import { z } from 'zod';
import { GbaError } from '../base/index.ts';
import { type Provisioning, subscriberSchema } from './subscriber.ts';

/** A YAML or JSON list of subscribers; throws `subscribers-invalid` with the place, never with a value. */
export function parseSubscribers(text: string): Provisioning[] {
  const result = z.array(subscriberSchema).safeParse(read(text));
  if (!result.success) {
    const [issue] = result.error.issues;
    // YAML reads 0000 or a key of decimal digits as a number.
    const hint = issue?.code === 'invalid_type' && issue.expected === 'string' ? ' (in YAML: put it in quotes)' : '';
    throw invalid(`at ${issue?.path.join('.') || 'top'}: ${issue?.message}${hint}`);
  }
  const places = new Map<string, number>();
  for (const [place, { impi }] of result.data.entries()) {
    const earlier = places.get(impi);
    if (earlier !== undefined) throw invalid(`at ${place}.impi: the same as ${earlier}.impi`);
    places.set(impi, place);
  }
  return result.data;
}

function read(text: string): unknown {
  try {
    return parse(text, { logLevel: 'error' });
  } catch (error) {
    // The parser's own message quotes the line, and the line may hold a key: only its number is passed on.
    const line = (error as { linePos?: readonly { line?: number }[] }).linePos?.[0]?.line;
    throw invalid(`${line === undefined ? '' : `at line ${line}: `}neither YAML nor JSON`);
  }
}

const invalid = (what: string): GbaError => new GbaError('subscribers-invalid', `subscriber list ${what}`);
