/** Space of the machines that came by an order: `{ v, owner, impi }`; from then on their owner has a contract here. */
export const CUSTOMER = 'customer';
