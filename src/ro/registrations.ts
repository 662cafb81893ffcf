import { GbaError } from '../base/index.ts';
import type { PeerIdentity } from '../http/index.ts';
import type { Entry, Op, Store } from '../store/index.ts';
import type { RoConfig } from './config.ts';
import { REGISTRATION, type RegistrationRecord } from './records.ts';

export type Registrations = ReturnType<typeof createRegistrations>;

/** The discovery part of the RO: which machine is with which operator, told to those concerned only. */
export function createRegistrations(store: Store, config: RoConfig) {
  async function find(m2meId: string): Promise<Entry<RegistrationRecord>> {
    const entry = await store.get<RegistrationRecord>(REGISTRATION, m2meId || '-');
    if (entry === undefined) throw new GbaError('machine-unknown', 'no such machine');
    return entry;
  }

  const view = ({ sho, unconfirmed }: RegistrationRecord) =>
    sho === undefined || unconfirmed === true ? { state: 'in-change' } : { state: 'registered', sho };

  return {
    find,
    async seed(): Promise<void> {
      for (const one of config.initialRegistrations) {
        const { impi, ...rest } = one;
        const put: RegistrationRecord = { v: 1, ...rest, ...(impi === undefined ? {} : { impi }) };
        await store.commit([{ space: REGISTRATION, key: one.m2meId, expect: 0, put }]);
      }
    },
    /** To the registered SHO and the PVAs; for all others there is no such machine. */
    async discover(peer: PeerIdentity | undefined, m2meId: string) {
      const { value } = await find(m2meId);
      const allowed = [...config.pvas, ...(value.sho === undefined ? [] : [value.sho])];
      if (!allowed.some((name) => peer?.names.includes(name))) throw new GbaError('machine-unknown', 'no such machine');
      return view(value);
    },
    /** A machine that proved `impi` on Ua speaks for itself; the first contact after a registration binds it. */
    async bind(m2meId: string, impi: string | undefined): Promise<RegistrationRecord> {
      const { value, version } = await find(m2meId);
      if (impi === undefined) throw new GbaError('machine-unknown', 'no such machine');
      if (value.impi !== undefined && value.impi !== impi) throw new GbaError('machine-unknown', 'no such machine');
      if (value.impi === impi && value.unconfirmed === undefined) return value;
      // The operator it was registered with serves it still.
      const { unconfirmed: _, ...rest } = value;
      const put: RegistrationRecord = { ...rest, impi };
      if (!(await store.commit([{ space: REGISTRATION, key: m2meId, expect: version, put }]))) {
        throw new GbaError('conflict', 'the registration is being changed', { retryable: true });
      }
      return put;
    },
    view,
    /** The old entry is withdrawn (11): from now on the machine is in change. */
    async withdraw(m2meId: string): Promise<Op[]> {
      const { value, version } = await find(m2meId);
      const { sho: _, ...rest } = value;
      return [{ space: REGISTRATION, key: m2meId, expect: version, put: rest }];
    },
    /** 14: the machine subscribes to `sho`; which subscription it has there shows at its next contact. */
    async register(m2meId: string, sho: string, impi: string | undefined): Promise<Op[]> {
      const { version, value } = await find(m2meId);
      const open = value.unconfirmed === undefined ? {} : { unconfirmed: value.unconfirmed };
      const put: RegistrationRecord = { v: 1, m2meId, sho, ...(impi === undefined ? {} : { impi }), ...open };
      return [{ space: REGISTRATION, key: m2meId, expect: version, put }];
    },
  };
}
