import { GbaError } from '../base/index.ts';
import type { PeerIdentity } from '../http/index.ts';
import type { Op, Store } from '../store/index.ts';
import type { ShoConfig } from './config.ts';

/** Space of the machines that came by an order: from then on their owner has a contract here. */
const CUSTOMER = 'customer';

interface CustomerRecord {
  v: 1;
  /** SHA-256 of the owner's key. */
  owner: string;
  impi: string;
}

export type Contracts = ReturnType<typeof createContracts>;

/** Who owns which machine, and by which subscription it is known: what the configuration says, and who came by an order. */
export function createContracts(config: ShoConfig, store: Store) {
  const owners = config.owners.map(({ machines, ...owner }) => ({
    ...owner,
    machines: new Map(machines.map((machine) => [machine.m2meId, machine])),
  }));
  const customerOf = async (m2meId: string) => (await store.get<CustomerRecord>(CUSTOMER, m2meId))?.value;

  return {
    /** The machine that `peer` owns. Throws `not-owner`: strangers learn nothing of who does. */
    async ownedBy(peer: PeerIdentity | undefined, m2meId: string): Promise<{ impi: string }> {
      const owner = owners.find((one) => peer?.spkiSha256 === one.spkiSha256 && peer.names.includes(one.name));
      const configured = owner?.machines.get(m2meId);
      const customer = await customerOf(m2meId);
      const machine = customer?.owner === peer?.spkiSha256 ? (customer ?? configured) : configured;
      if (machine === undefined) throw new GbaError('not-owner', 'this certificate does not own such a machine');
      return machine;
    },
    /** The IMPI that a machine of ours must prove on Ua. */
    async impiOf(m2meId: string): Promise<string | undefined> {
      const customer = await customerOf(m2meId);
      const configured = owners.find(({ machines }) => machines.has(m2meId))?.machines.get(m2meId);
      return (customer ?? configured)?.impi;
    },
    signOp: (m2meId: string, owner: string, impi: string): Op => {
      const put: CustomerRecord = { v: 1, owner, impi };
      return { space: CUSTOMER, key: m2meId, put };
    },
    endOp: (m2meId: string): Op => ({ space: CUSTOMER, key: m2meId, delete: true }),
  };
}
