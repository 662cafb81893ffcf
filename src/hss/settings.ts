import { parse, YAMLParseError } from 'yaml';
import { z } from 'zod';
import { GbaError } from '../base/index.ts';
import { type Guss, isSettingsText, KEY_CHOICES, parseGuss, repeatedUss, UICC_TYPES } from '../gba/index.ts';
import { keyLifetimeSchema } from '../http/index.ts';

const uint32 = z.int().min(0).max(0xffffffff);
const text = z.string().refine(isSettingsText, 'empty, too long, or with characters that do not belong there');
/** As many as a NAF may ask for several times over; keeps a record within reason. */
const MOST = 256;

const ussSchema = z.strictObject({
  gsId: uint32,
  gsType: uint32,
  ueIds: z
    .array(z.strictObject({ ueId: text }))
    .min(1)
    .max(MOST),
  nafGroup: text.optional(),
  flags: z
    .array(z.strictObject({ flag: uint32 }))
    .min(1)
    .max(MOST)
    .optional(),
  keyChoice: z.enum(KEY_CHOICES).optional(),
});

export const ussListSchema = z
  .array(z.strictObject({ uss: ussSchema }))
  .max(MOST)
  .superRefine((list, context) => {
    const at = repeatedUss(list);
    if (at === undefined) return;
    context.addIssue({ code: 'custom', path: [at], message: 'the same service and NAF group as an earlier one' });
  });

export const uiccTypeSchema = z.enum(UICC_TYPES);

/** A GUSS as JSON (TS 29.562 Guss), for whoever edits it: nothing unknown, nothing twice. */
export const gussSchema = z.strictObject({
  bsfInfo: z.strictObject({ uiccType: uiccTypeSchema.optional(), lifeTime: keyLifetimeSchema.optional() }).optional(),
  ussList: ussListSchema.optional(),
});

/** The GUSS in XML (TS 29.109 annex A), as strictly; of this subscriber when one is named. Throws `guss-invalid`, which says where. */
export function gussOfXml(octets: Uint8Array, impi?: string): Guss {
  const read = parseGuss(octets, { unknown: 'refuse' });
  if (impi !== undefined && read.impi !== impi) {
    throw new GbaError('guss-invalid', 'user security settings at guss: id is another IMPI');
  }
  return read.guss;
}

/** The GUSS in what was JSON. Throws `guss-invalid`, which says where. */
export function gussOfValue(value: unknown): Guss {
  const result = gussSchema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new GbaError('guss-invalid', `user security settings at ${issue?.path.join('.') || 'top'}: ${issue?.message}`);
}

/** A GUSS from a file: XML, or JSON or YAML. Throws `guss-invalid`, which says where and never what. */
export function gussOfText(content: string, impi?: string): Guss {
  if (/^\ufeff?\s*</.test(content)) return gussOfXml(Buffer.from(content, 'utf8'), impi);
  let value: unknown;
  try {
    value = parse(content, { logLevel: 'error' });
  } catch (error) {
    const line = error instanceof YAMLParseError ? error.linePos?.[0].line : undefined;
    throw new GbaError(
      'guss-invalid',
      `user security settings${line === undefined ? '' : ` at line ${line}`}: unreadable`,
    );
  }
  return gussOfValue(value);
}

/** Without members that say nothing: JSON has no empty lists here (TS 29.562). */
export function compact({ bsfInfo, ussList }: Guss): Guss {
  const { uiccType, lifeTime } = bsfInfo ?? {};
  const info = { ...(uiccType !== undefined && { uiccType }), ...(lifeTime !== undefined && { lifeTime }) };
  return {
    ...(Object.keys(info).length > 0 && { bsfInfo: info }),
    ...(ussList !== undefined && ussList.length > 0 && { ussList }),
  };
}
