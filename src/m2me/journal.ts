import { GbaError } from '../base/index.ts';
import type { Entry, Op, Store } from '../store/index.ts';
import { type Claims, decodeClaims } from '../token/index.ts';
import { type ChangeEvent, type ChangeState, changeFlow } from './change-flow.ts';

export const MACHINE_SPACE = 'm2me';
export const CHANGE_SPACE = 'm2me-change';
const MACHINE_KEY = 'machine';

interface MachineRecord {
  v: 1;
  /** Highest instruction number taken; 0: none. */
  number: number;
  /** B-TID that the operator's M2M server was told last. */
  toldBtid: string | null;
  /** Device certificate (DER, base64) that it was told last. */
  toldDevice?: string | null;
  /** Serial of the change whose new operator the RO has seen us under. */
  roSeen: string | null;
}

/** `digest` in hex; `attested` and `since` are of the state that a refused delivery falls back to. */
interface Delivery {
  digest: string;
  size: number;
  chunkBytes: number;
  attested: boolean;
  since: number;
}

interface ChangeRecord {
  v: 1;
  state: ChangeState;
  /** When `state` was entered, ms. */
  since: number;
  number: number;
  /** DER in base64. */
  claims: string;
  /** The operator that lets the machine go. */
  oldSho: { id: string; url: string };
  /** What the accepted bound token is bound to. */
  delivery?: Delivery;
  /** Why it ended without a change. */
  reason?: string;
}

/** A change as read: with its serial (hex), claims, and the version that its next write expects. */
export interface Change extends Omit<ChangeRecord, 'v' | 'claims'> {
  serial: string;
  claims: Claims;
  claimsDer: Buffer;
  version: number;
}

export type ChangePatch = Partial<Pick<ChangeRecord, 'delivery' | 'reason' | 'number'>>;
export type MachineState = Omit<MachineRecord, 'v'>;

/** The machine's journal: each change of state is durable, by compare-and-set, before anybody acts on it. */
export interface Journal {
  machine(): Promise<MachineState & { version: number }>;
  changes(): Promise<Change[]>;
  /** The write that takes `change` over `event`; throws `invalid-transition`. */
  moveOp(change: Change, event: ChangeEvent, now: number, patch?: ChangePatch): Op;
  /** The write that has `change` wait in its state from `now` on. */
  waitOp(change: Change, now: number): Op;
  /** The write that leaves `change` as it was before its delivery was accepted. */
  dropDeliveryOp(change: Change): Op;
  newChangeOp(serial: string, record: Omit<ChangeRecord, 'v'>): Op;
  renewOp(change: Change, number: number): Op;
  machineOp(current: MachineState & { version: number }, patch: Partial<MachineState>): Op;
  /** Throws `conflict` when somebody else wrote first. */
  commit(ops: readonly Op[]): Promise<void>;
}

export function createJournal(store: Store): Journal {
  /** Claims never change under their serial, and every turn reads them all. */
  const decoded = new Map<string, Decoded>();

  /** Members always in one order, so that equal records are equal octets. */
  function toRecord(change: Change): ChangeRecord {
    const { state, since, number, claimsDer, oldSho, delivery, reason } = change;
    const optional = { ...(delivery !== undefined && { delivery }), ...(reason !== undefined && { reason }) };
    return { v: 1, state, since, number, claims: claimsDer.toString('base64'), oldSho, ...optional };
  }

  return {
    async machine() {
      const entry = await store.get<MachineRecord>(MACHINE_SPACE, MACHINE_KEY);
      if (entry === undefined) return { number: 0, toldBtid: null, toldDevice: null, roSeen: null, version: 0 };
      const { number, toldBtid, toldDevice = null, roSeen } = entry.value;
      return { number, toldBtid, toldDevice, roSeen, version: entry.version };
    },
    async changes() {
      const entries = await store.list<ChangeRecord>(CHANGE_SPACE);
      return entries.map((entry) => {
        const known = decoded.get(entry.key);
        const claims = known?.text === entry.value.claims ? known : decode(entry.value.claims);
        decoded.set(entry.key, claims);
        return readChange(entry, claims);
      });
    },
    moveOp(change, event, now, patch = {}) {
      const state = changeFlow.next(change.state, event);
      const put = { ...toRecord(change), ...patch, state, since: now };
      return { space: CHANGE_SPACE, key: change.serial, expect: change.version, put };
    },
    waitOp: (change, now) => ({
      space: CHANGE_SPACE,
      key: change.serial,
      expect: change.version,
      put: { ...toRecord(change), since: now },
    }),
    dropDeliveryOp(change) {
      const { delivery, ...rest } = toRecord(change);
      const event = delivery?.attested === false ? 'early-delivery-dropped' : 'delivery-dropped';
      const state = changeFlow.next(change.state, event);
      const put = { ...rest, state, since: delivery?.since ?? change.since };
      return { space: CHANGE_SPACE, key: change.serial, expect: change.version, put };
    },
    newChangeOp: (serial, record) => ({ space: CHANGE_SPACE, key: serial, expect: 0, put: { v: 1, ...record } }),
    renewOp: (change, number) => ({
      space: CHANGE_SPACE,
      key: change.serial,
      expect: change.version,
      put: { ...toRecord(change), number },
    }),
    machineOp: ({ version, ...state }, patch) => ({
      space: MACHINE_SPACE,
      key: MACHINE_KEY,
      expect: version,
      put: { v: 1, ...state, ...patch },
    }),
    async commit(ops) {
      if (!(await store.commit(ops))) throw new GbaError('conflict', 'the journal was written by somebody else');
    },
  };
}

interface Decoded {
  text: string;
  claims: Claims;
  claimsDer: Buffer;
}

function decode(text: string): Decoded {
  const claimsDer = Buffer.from(text, 'base64');
  return { text, claims: decodeClaims(claimsDer), claimsDer };
}

function readChange({ key, value, version }: Entry<ChangeRecord>, { claims, claimsDer }: Decoded): Change {
  const { v: _, claims: __, ...rest } = value;
  return { ...rest, serial: key, claims, claimsDer, version };
}
