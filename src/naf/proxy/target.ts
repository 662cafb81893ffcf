import { GbaError } from '../../base/index.ts';

const ABSOLUTE = /^https?:\/\/[^/?#]*/i;
/** `.` and `..` as a segment, in every spelling: the server behind would step out of its path with them. */
const DOTS = /(?:^|[/\\]|%2f|%5c)(?:\.|%2e){1,2}(?:$|[/\\;]|%2f|%5c|%3b)/i;

/**
 * Path and query for the server behind, below `prefix`. What a reader could take for more than a path is refused (`not-found`): no
 * origin form, dot segments, backslashes, fragments, and control characters.
 */
export function upstreamPath(target: string, prefix: string): string {
  const rest = target.replace(ABSOLUTE, '');
  const path = rest === '' || rest.startsWith('?') ? `/${rest}` : rest;
  const only = path.split('?', 1)[0] ?? '';
  if (!path.startsWith('/') || path.startsWith('//') || /[\\#\p{Cc}\s]/u.test(path) || DOTS.test(only)) {
    throw new GbaError('not-found', 'no such resource');
  }
  return prefix + path;
}
