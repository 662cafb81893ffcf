import type { IncomingMessage } from 'node:http';

/** Every Authorization field of a request; Node's own header object shows the first one only. */
export function authorizationsOf(req: IncomingMessage): string[] {
  if (req.headers.authorization === undefined) return [];
  const found: string[] = [];
  const raw = req.rawHeaders;
  for (let i = 0; i < raw.length; i += 2) {
    if (raw[i]?.length === 13 && raw[i]?.toLowerCase() === 'authorization') found.push(raw[i + 1] ?? '');
  }
  return found;
}
