import type { Avp, AvpDefinition, Rule } from './avp.ts';
import { GROUPED } from './avp.ts';
import type { ValueType } from './value-types.ts';

const MANY = Number.POSITIVE_INFINITY;

/** { AVP } or < AVP >: exactly one. Where it stands is not looked at: agents may move AVPs (RFC 6733 3.2). */
export const one = <T>(avp: AvpDefinition<T>): Rule => ({ avp, least: 1, most: 1 });
/** [ AVP ] */
export const optional = <T>(avp: AvpDefinition<T>): Rule => ({ avp, least: 0, most: 1 });
/** * [ AVP ] */
export const many = <T>(avp: AvpDefinition<T>): Rule => ({ avp, least: 0, most: MANY });
/** 1* { AVP } */
export const atLeastOne = <T>(avp: AvpDefinition<T>): Rule => ({ avp, least: 1, most: MANY });
/** 0* 0 [ AVP ]: must not be there (RFC 6733 3.2). */
export const never = <T>(avp: AvpDefinition<T>): Rule => ({ avp, least: 0, most: 0 });

/** An AVP of the base protocol, M bit set unless told. */
export function base<T>(code: number, name: string, type: ValueType<T>, mandatory = true): AvpDefinition<T> {
  return { code, vendorId: 0, name, type, mandatory };
}

export const VENDOR_3GPP = 10_415;

/** An AVP of 3GPP: V bit always set, M bit unless told. */
export function tgpp<T>(code: number, name: string, type: ValueType<T>, mandatory = true): AvpDefinition<T> {
  return { code, vendorId: VENDOR_3GPP, name, type, mandatory };
}

export function grouped(definition: AvpDefinition<readonly Avp[]>, members: readonly Rule[]) {
  return { ...definition, type: GROUPED, members };
}
