import { GbaError } from '../base/index.ts';
import type { PeerIdentity } from '../http/index.ts';
import type { Op, Store } from '../store/index.ts';
import type { ShoConfig } from './config.ts';

/** Space of the machines that came by an order, whose owner has a contract here from then on, and of those that left. */
export const CUSTOMER = 'customer';

export interface CustomerRecord {
  v: 1;
  /** SHA-256 of the owner's key. */
  owner: string;
  impi: string;
  /** Let go: the owner may still look at what was, and order nothing. */
  left?: true;
}

export type Contracts = ReturnType<typeof createContracts>;

/** Who owns which machine, and by which subscription it is known: what the configuration says, and who came by an order. */
export function createContracts(config: ShoConfig, store: Store) {
  const owners = config.owners.map(({ machines, ...owner }) => ({
    ...owner,
    machines: new Map(machines.map((machine) => [machine.m2meId, machine])),
  }));
  const customerOf = async (m2meId: string) => (await store.get<CustomerRecord>(CUSTOMER, m2meId))?.value;

  function configuredOf(m2meId: string) {
    const owner = owners.find(({ machines }) => machines.has(m2meId));
    const machine = owner?.machines.get(m2meId);
    return owner && machine && { owner: owner.spkiSha256, machine };
  }

  /** A machine that came, or left, counts as its record says; any other as configured. */
  async function ownOrOnce(peer: PeerIdentity | undefined, m2meId: string) {
    const customer = await customerOf(m2meId);
    if (customer !== undefined && customer.owner === peer?.spkiSha256) return customer;
    const owner = owners.find((one) => peer?.spkiSha256 === one.spkiSha256 && peer.names.includes(one.name));
    return customer?.left === true ? undefined : owner?.machines.get(m2meId);
  }

  return {
    /** The machine that `peer` owns. Throws `not-owner`: strangers learn nothing of who does. */
    async ownedBy(peer: PeerIdentity | undefined, m2meId: string): Promise<{ impi: string }> {
      const machine = await ownOrOnce(peer, m2meId);
      if (machine === undefined || 'left' in machine) throw notOwner();
      return machine;
    },
    /** As `ownedBy`, also of a machine that has left since. */
    async onceOwnedBy(peer: PeerIdentity | undefined, m2meId: string): Promise<void> {
      if ((await ownOrOnce(peer, m2meId)) === undefined) throw notOwner();
    },
    /** The IMPI that a machine of ours must prove on Ua. */
    async impiOf(m2meId: string): Promise<string | undefined> {
      const customer = await customerOf(m2meId);
      if (customer?.left === true) return undefined;
      return (customer ?? configuredOf(m2meId)?.machine)?.impi;
    },
    signOp: (m2meId: string, owner: string, impi: string): Op => {
      const put: CustomerRecord = { v: 1, owner, impi };
      return { space: CUSTOMER, key: m2meId, put };
    },
    /** The machine has been let go. What the configuration says of it does not count from then on. */
    async endOp(m2meId: string, impi: string): Promise<Op> {
      const owner = (await customerOf(m2meId))?.owner ?? configuredOf(m2meId)?.owner ?? '';
      const put: CustomerRecord = { v: 1, owner, impi, left: true };
      return { space: CUSTOMER, key: m2meId, put };
    },
  };
}

const notOwner = (): GbaError => new GbaError('not-owner', 'this certificate does not own such a machine');
