import { parse } from 'yaml';
import { z } from 'zod';
import { GbaError } from '../base/index.ts';

const hex16 = z.string().regex(/^[0-9a-fA-F]{32}$/, '32 hexadecimal digits');
const subscriptionSchema = z.strictObject({
  impi: z.string().regex(/^[^@\s]+@[^@\s]+$/),
  k: hex16,
  op: hex16,
});

/** What a lab is made of: machines with their old subscriptions, and the new operator's subscriptions. */
export const scenarioSchema = z.strictObject({
  /** First of the ports used, one after the other; 0 takes free ones. */
  basePort: z.int().min(0).max(65_000).default(18_080),
  /** How long a machine waits for a silent old operator or RO after step 8, milliseconds. */
  graceMs: z.int().min(100).default(5_000),
  machines: z.array(z.strictObject({ id: z.string().min(1), subscription: subscriptionSchema })).min(1),
  newSubscriptions: z.array(subscriptionSchema).min(1),
});

export type Scenario = z.infer<typeof scenarioSchema>;

/** Throws `scenario-invalid` with the place in the file. */
export function parseScenario(text: string): Scenario {
  let parsed: unknown;
  try {
    parsed = parse(text);
  } catch (cause) {
    throw new GbaError('scenario-invalid', 'the lab file is not YAML', { cause });
  }
  const result = scenarioSchema.safeParse(parsed);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new GbaError('scenario-invalid', `lab file at ${issue?.path.join('.') || 'top'}: ${issue?.message}`);
}
