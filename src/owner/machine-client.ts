import { z } from 'zod';
import { type HttpClient, type Net, systemNet } from '../http/index.ts';

const instructionSchema = z.looseObject({ number: z.number(), state: z.string(), signature: z.string().optional() });
const statusSchema = z.looseObject({
  m2meId: z.string(),
  impi: z.string().optional(),
  operator: z.string().optional(),
  /** When it looks for work again, ms since 1970. */
  nextPollAt: z.number().optional(),
  change: z
    .looseObject({
      serial: z.string(),
      state: z.string(),
      number: z.number(),
      /** When it entered this state, ms since 1970. */
      since: z.number().optional(),
      reason: z.string().optional(),
      lastRefusal: z.string().optional(),
    })
    .optional(),
});
const bootstrapSchema = z.looseObject({
  btid: z.string(),
  /** ms since 1970. */
  expiresAt: z.number(),
  bsf: z.string(),
  ksNaf: z.string().optional(),
});

export type MachineStatus = z.infer<typeof statusSchema>;
type BootstrapReport = z.infer<typeof bootstrapSchema>;

/** The machine's local interface. */
export interface MachineClient {
  /** `signature` (base64) answers an instruction to sign. */
  instruct(instruction: Uint8Array): Promise<{ number: number; state: string; signature?: string | undefined }>;
  status(): Promise<MachineStatus>;
  bootstrap(reveal?: { naf: string; uaId: string }): Promise<BootstrapReport>;
  close(): void;
}

export function createMachineClient(url: string, net: Net = systemNet): MachineClient {
  const client: HttpClient = net.createClient({ url });
  return {
    async instruct(instruction) {
      return (await client.call('POST', '/local/v1/instructions', { bytes: instruction })).json(instructionSchema);
    },
    async status() {
      return (await client.call('GET', '/local/v1/status')).json(statusSchema);
    },
    async bootstrap(reveal) {
      const query = reveal === undefined ? '' : `?${new URLSearchParams({ ...reveal, reveal: '1' })}`;
      return (await client.call('POST', `/local/v1/bootstrap${query}`)).json(bootstrapSchema);
    },
    close: client.close,
  };
}
