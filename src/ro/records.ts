import type { DeliveryState } from './flow.ts';

export const DELIVERY = 'delivery';
/** The package octets, apart from the record that changes. */
export const PACKAGE = 'package';
/** One open delivery a machine. */
export const OPEN = 'open-delivery';
/** From a new SHO's order to the serial of its delivery. */
export const ORDER = 'delivery-of-order';
export const REGISTRATION = 'registration';

/** Keys that a machine and we share for one serial, from the bootstrap it came with; sealed. */
export interface Pin {
  btid: string;
  sealed: string;
}

export interface DeliveryRecord {
  v: 1;
  state: DeliveryState;
  orderId: string;
  /** The new SHO of this delivery. */
  sho: string;
  m2meId: string;
  /** DER of the bound token, base64. */
  boundToken: string;
  /** Octets of the package; 0 when the machine holds it already. */
  size: number;
  /** SHA-256 of the package, hexadecimal. */
  digest: string;
  /** Digests of packages that a correction took the place of. */
  former?: string[];
  pins: Pin[];
  reason?: string;
  /** The subscription it was registered with (14), if one was named. */
  registeredAs?: string;
  /** When the success was reported, milliseconds. */
  succeededAt?: number;
}

export interface RegistrationRecord {
  v: 1;
  m2meId: string;
  /** Absent while the machine is in change: then discovery names nobody. */
  sho?: string;
  /** The subscription by which the machine is known on Ua; bound at its first contact. */
  impi?: string;
  /** Out of a backup, and the machine has not been seen by it since: it may be with another operator, so nobody is named. */
  unconfirmed?: true;
}
