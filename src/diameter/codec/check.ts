import { type Avp, decodeAvps, encodeAvps, lengthRefusal, MAX_DEPTH, missing, type Rule } from './avp.ts';
import { lookup } from './dictionary.ts';
import { DiameterRefusal, RESULT } from './refusal.ts';

/**
 * Checks AVPs and everything inside them against a grammar: formats, lengths, values, counts. AVPs that no rule names are
 * taken ("*[ AVP ]"), unknown ones only without the M bit. Throws `DiameterRefusal` for the first fault.
 */
export function checkAvps(avps: readonly Avp[], rules: readonly Rule[], depth = 1): void {
  for (const avp of avps) checkAvp(avp, depth);
  for (const { avp: definition, least, most } of rules) {
    const found = avps.filter((avp) => avp.code === definition.code && avp.vendorId === definition.vendorId);
    if (found.length < least) throw missing(definition);
    const extra = found[most];
    if (extra === undefined) continue;
    const [code, what] =
      most === 0
        ? [RESULT.AVP_NOT_ALLOWED, 'is not allowed here']
        : [RESULT.AVP_OCCURS_TOO_MANY_TIMES, 'stands here too often'];
    throw new DiameterRefusal(code, `${definition.name} ${what}`, { failedAvp: encodeAvps([extra]) });
  }
}

function checkAvp(avp: Avp, depth: number): void {
  const definition = lookup(avp.code, avp.vendorId);
  if (definition === undefined) {
    if (!avp.mandatory) return;
    throw new DiameterRefusal(RESULT.AVP_UNSUPPORTED, `AVP ${avp.vendorId}/${avp.code} is not known`, {
      failedAvp: encodeAvps([avp]),
    });
  }
  if (!definition.type.fits(avp.data.length)) throw lengthRefusal(avp, lookup);
  if (definition.members !== undefined) {
    inside(avp, () => {
      if (depth === MAX_DEPTH) {
        throw new DiameterRefusal(RESULT.INVALID_AVP_VALUE, 'AVPs are nested too deep', { failedAvp: Buffer.alloc(0) });
      }
      checkAvps(decodeAvps(avp.data, lookup), definition.members ?? [], depth + 1);
    });
    return;
  }
  try {
    definition.type.decode(avp.data);
  } catch (cause) {
    throw new DiameterRefusal(RESULT.INVALID_AVP_VALUE, `${definition.name} has no valid value`, {
      failedAvp: encodeAvps([avp]),
      cause,
    });
  }
}

/** A fault of a member is shown within its group, alone (RFC 6733 7.5). */
function inside(avp: Avp, check: () => void): void {
  try {
    check();
  } catch (error) {
    if (!(error instanceof DiameterRefusal) || error.failedAvp === undefined) throw error;
    throw new DiameterRefusal(error.resultCode, `in AVP ${avp.code}: ${error.message}`, {
      failedAvp: encodeAvps([{ ...avp, data: error.failedAvp }]),
      cause: error,
    });
  }
}
