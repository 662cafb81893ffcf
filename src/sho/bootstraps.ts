import { GbaError, type Sealer, type SecretKey } from '../base/index.ts';
import type { StepEvent } from '../flow/index.ts';
import { UA_TOKEN } from '../gba/index.ts';
import type { ZnClient } from '../naf/index.ts';
import type { Op, Store } from '../store/index.ts';
import { type Certificate, readCertificate } from '../x509/index.ts';
import type { ShoConfig } from './config.ts';
import type { Contracts } from './contracts.ts';

export const BOOTSTRAP = 'bootstrap';
export const DEVICE = 'device';

/** The live bootstrap of a machine, learnt over Ua (step 0); Ks_NAF(token) sealed. */
export interface BootstrapRecord {
  v: 1;
  btid: string;
  impi: string;
  sealedKey: string;
  keyExpiry: number;
}

/** The device certificate that a machine showed over Ua, DER in base64. */
interface DeviceRecord {
  v: 1;
  certificate: string;
}

export interface LiveBootstrap {
  btid: string;
  /** The caller erases it. */
  ksNaf: SecretKey;
  keyExpiry: number;
}

export const bootstrapContext = (m2meId: string): string => `sho bootstrap ${m2meId}`;

export type Bootstraps = ReturnType<typeof createBootstraps>;

/** What the old SHO knows of its machines over Ua: their live B-TID, and by which key they sign. */
export function createBootstraps(deps: {
  config: ShoConfig;
  store: Store;
  sealer: Sealer;
  zn: ZnClient;
  contracts: Contracts;
  onStep?: ((event: StepEvent) => void) | undefined;
}) {
  const { config, store, sealer, zn, contracts, onStep } = deps;

  async function requireOwn(m2meId: string, impi: string | undefined): Promise<string> {
    const known = await contracts.impiOf(m2meId);
    if (known === undefined || impi !== known) {
      throw new GbaError('bootstrap-of-another', 'this bootstrap is not of that machine');
    }
    return known;
  }

  return {
    /** The machine that proved `impi` on Ua is `m2meId`. Throws `bootstrap-of-another`. */
    requireOwn,

    async learn(m2meId: string, gba: { btid: string; impi?: string }, device: Uint8Array | undefined): Promise<void> {
      const impi = await requireOwn(m2meId, gba.impi);
      const ops: Op[] = [];
      if (device !== undefined) {
        const put: DeviceRecord = { v: 1, certificate: readCertificate(device).der.toString('base64') };
        ops.push({ space: DEVICE, key: m2meId, put });
      }
      const { ksNaf, keyExpiry } = await zn.fetch({ btid: gba.btid, nafFqdn: config.id, uaId: UA_TOKEN });
      const sealedKey = sealer.seal(ksNaf.bytes(), bootstrapContext(m2meId));
      ksNaf.erase();
      const put: BootstrapRecord = { v: 1, btid: gba.btid, impi, sealedKey, keyExpiry };
      await store.commit([...ops, { space: BOOTSTRAP, key: m2meId, put, expiresAt: keyExpiry }]);
      onStep?.({ step: 0, party: config.id, what: `knows the live B-TID of ${m2meId}` });
    },

    /** Throws `bootstrap-missing` (retryable). */
    async live(m2meId: string): Promise<LiveBootstrap> {
      const record = (await store.get<BootstrapRecord>(BOOTSTRAP, m2meId))?.value;
      if (record === undefined) {
        throw new GbaError('bootstrap-missing', 'the machine has no live bootstrap here yet', { retryable: true });
      }
      const { btid, keyExpiry } = record;
      return { btid, keyExpiry, ksNaf: sealer.open(record.sealedKey, bootstrapContext(m2meId)) };
    },

    /** Throws `device-certificate-missing` (retryable): whether it is trusted is the caller's business. */
    async device(m2meId: string): Promise<Certificate> {
      const record = (await store.get<DeviceRecord>(DEVICE, m2meId))?.value;
      if (record === undefined) {
        throw new GbaError('device-certificate-missing', 'the machine has shown no device certificate here yet', {
          retryable: true,
        });
      }
      return readCertificate(Buffer.from(record.certificate, 'base64'));
    },

    /** The machine has gone: nothing of it stays. */
    endOps: (m2meId: string): Op[] => [
      { space: BOOTSTRAP, key: m2meId, delete: true },
      { space: DEVICE, key: m2meId, delete: true },
    ],
  };
}
