/** What carries the machine's packets: nothing else of the link is visible to it. Labs model outages with it. */
export interface Carrier {
  /** Do packets get through, over the connectivity of this operator (undefined: a session that outlived its subscription)? */
  up(operator: string | undefined): boolean;
}

export const ALWAYS_UP: Carrier = { up: () => true };
