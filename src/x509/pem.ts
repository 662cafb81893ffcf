import { fromBase64, GbaError } from '../base/index.ts';

/**
 * The one block of this label, or `undefined` when the text is anything else: no block, a second one, other text around.
 * Armour with a blank inside the dashes is taken too, as TS 24.109 table E.3.1-1 prints it.
 */
export function readPem(text: string, label: string): Buffer | undefined {
  const block = new RegExp(`^\\s*----- ?BEGIN ${label} ?-----([A-Za-z0-9+/=\\s]*)----- ?END ${label} ?-----\\s*$`);
  const inside = block.exec(text)?.[1];
  if (inside === undefined) return undefined;
  try {
    return fromBase64(inside.replace(/\s+/g, ''), label);
  } catch (error) {
    if (error instanceof GbaError) return undefined;
    throw error;
  }
}
