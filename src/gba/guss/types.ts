/** Which of the two keys of a GBA_U bootstrapping a service takes (TS 29.309 KeyChoice; key selection of TS 33.220 5.3.3). */
export const KEY_CHOICES = ['ME_BASED_KEY', 'UICC_BASED_KEY', 'ME_UICC_BASED_KEYS'] as const;
export type KeyChoice = (typeof KEY_CHOICES)[number];

/** What the BSF is told of the subscriber's card: with `GBA_U` the keys end in it (TS 29.109 annex A). */
export const UICC_TYPES = ['GBA', 'GBA_U'] as const;

/** User security settings of one GAA service (TS 29.109 annex A, TS 29.309 Uss). */
export interface Uss {
  /** GAA service identifier. */
  gsId: number;
  /** Service type code of TS 29.109 annex B. */
  gsType: number;
  /** Identities of the subscriber that may be shown to a NAF of this service. */
  ueIds: { ueId: string }[];
  nafGroup?: string | undefined;
  /** Authorization flags of TS 29.109 annex C. */
  flags?: { flag: number }[] | undefined;
  /** One of `KEY_CHOICES`; as another vendor may say something else, it is text until somebody acts on it. */
  keyChoice?: string | undefined;
}

/** GBA user security settings of one subscriber (TS 33.220 4.4.6, TS 29.562 Guss). */
export interface Guss {
  bsfInfo?: { uiccType?: string | undefined; lifeTime?: number | undefined } | undefined;
  ussList?: { uss: Uss }[] | undefined;
}

/** The key choice that a text stands for; letter case and hyphens do not count, as the XML spelling is not known for sure. */
export function keyChoiceOf(text: string): KeyChoice | undefined {
  const canonical = text.toUpperCase().replaceAll('-', '_');
  return KEY_CHOICES.find((choice) => choice === canonical);
}

const TEXT_LIMIT = 255;

/** An identity or a group name: something, not too long, without control characters or blanks at its ends. */
export function isSettingsText(text: string): boolean {
  return text.length > 0 && text.length <= TEXT_LIMIT && text.trim() === text && !/[\p{Cc}\p{Surrogate}]/u.test(text);
}

/** Where a list of settings repeats a service within one NAF group: which of the two holds would be anybody's guess. */
export function repeatedUss(list: readonly { uss: Pick<Uss, 'gsId' | 'nafGroup'> }[]): number | undefined {
  const seen = new Set<string>();
  const at = list.findIndex(({ uss: { gsId, nafGroup } }) => {
    const name = JSON.stringify([gsId, nafGroup]);
    return seen.size === seen.add(name).size;
  });
  return at < 0 ? undefined : at;
}
