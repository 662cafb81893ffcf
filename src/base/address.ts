import { isIPv6 } from 'node:net';

/**
 * Whom an address belongs to, as far as limits go: an IPv4 address itself, also when it comes mapped into IPv6; of IPv6 the
 * /64, for a single host has all addresses of one.
 */
export function addressKey(address: string | undefined): string {
  const text = (address ?? '').replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '');
  if (!isIPv6(text)) return text;
  const [head = '', tail] = (text.split('%')[0] ?? '').split('::');
  const groups = head === '' ? [] : head.split(':');
  if (tail !== undefined) {
    const rest = tail === '' ? [] : tail.split(':');
    // A dotted tail stands for two groups.
    const restLength = rest.length + (tail.includes('.') ? 1 : 0);
    while (groups.length + restLength < 8) groups.push('0');
    groups.push(...rest);
  }
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}
