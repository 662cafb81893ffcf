import { createHash } from 'node:crypto';
import { parse } from 'yaml';
import { z } from 'zod';
import { GbaError } from '../base/index.ts';

const hex16 = z.string().regex(/^[0-9a-fA-F]{32}$/, '32 hexadecimal digits');
const subscriptionSchema = z.strictObject({
  impi: z.string().regex(/^[^@\s]+@[^@\s]+$/),
  k: hex16,
  op: hex16,
});

/** Many machines alike, made here: each with an old subscription, and as many new ones to hand out. */
const fleetSchema = z.strictObject({
  count: z.int().min(1).max(10_000),
  /** Machine ids are this and a number of five digits. */
  prefix: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,31}$/)
    .default('fleet-'),
});

/** What a lab is made of: machines with their old subscriptions, and the new operator's subscriptions. */
const scenarioSchema = z
  .strictObject({
    /** First of the ports used, one after the other; 0 takes free ones. */
    basePort: z.int().min(0).max(65_000).default(18_080),
    /** How long a machine waits for a silent old operator or RO after step 8, milliseconds. */
    graceMs: z.int().min(100).default(5_000),
    /** The lab changes these by itself. */
    machines: z.array(z.strictObject({ id: z.string().min(1), subscription: subscriptionSchema })).default([]),
    newSubscriptions: z.array(subscriptionSchema).default([]),
    /** These wait for `gba change start --fleet`. */
    fleet: fleetSchema.optional(),
  })
  .refine((s) => s.machines.length > 0 || s.fleet !== undefined, {
    path: ['machines'],
    message: 'at least one machine',
  })
  .refine((s) => s.newSubscriptions.length > 0 || s.fleet !== undefined, {
    path: ['newSubscriptions'],
    message: 'at least one subscription to hand out',
  });

/** As in the file; `startLab` adds what `fleet` makes. */
export type Scenario = z.infer<typeof scenarioSchema>;
type ScenarioMachine = Scenario['machines'][number];

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

/** The same machines and keys for the same `fleet`, so that a lab that starts again finds its own. */
export function fleetOf({ fleet }: Scenario): {
  machines: ScenarioMachine[];
  newSubscriptions: Scenario['newSubscriptions'];
} {
  if (fleet === undefined) return { machines: [], newSubscriptions: [] };
  const { count, prefix } = fleet;
  const key = (what: string): string =>
    createHash('sha256').update(`gba-authz lab ${prefix}${what}`).digest('hex').slice(0, 32);
  const subscription = (i: number, plmn: string, realm: string) => ({
    impi: `${plmn}9${String(i).padStart(9, '0')}@ims.${realm}.3gppnetwork.org`,
    k: key(`${i} ${plmn} k`),
    op: key(`${i} ${plmn} op`),
  });
  const numbers = Array.from({ length: count }, (_, i) => i + 1);
  return {
    machines: numbers.map((i) => ({
      id: `${prefix}${String(i).padStart(5, '0')}`,
      subscription: subscription(i, '00101', 'mnc001.mcc001'),
    })),
    newSubscriptions: numbers.map((i) => subscription(i, '99970', 'mnc070.mcc999')),
  };
}
