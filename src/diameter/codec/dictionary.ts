import type { AvpDefinition, Lookup } from './avp.ts';
import * as baseAvps from './base-avps.ts';
import * as gbaAvps from './gba-avps.ts';

const definitions: readonly AvpDefinition<unknown>[] = [baseAvps, gbaAvps].flatMap((module) =>
  Object.values(module).flatMap((entry) => ('type' in entry ? [entry] : [])),
);
const byKey = new Map(definitions.map((definition) => [`${definition.vendorId}/${definition.code}`, definition]));

/** A code means something only together with its vendor (RFC 6733 4.1). */
export const lookup: Lookup = (code, vendorId) => byKey.get(`${vendorId}/${code}`);
