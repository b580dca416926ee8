/** The prefixes of the ids that people name. */
export type IdPrefix = 'req' | 'run' | 'chk' | 'plan';

/** At least four hex digits, with or without a prefix. A whole id has 32. */
const PART = /^(?:([a-z]+)_)?([0-9a-f]{4,31})$/;

/** Returns the digits of a text that may be a part of an id with this prefix, and not a whole one; `null` for any other text. */
export function digitsOfPart(text: string, prefix: IdPrefix): string | null {
  const [, own = prefix, digits = null] = PART.exec(text) ?? [];
  return own === prefix ? digits : null;
}
