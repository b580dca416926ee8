/** A phone number in E.164: `+`, country code, national number, at most 15 digits. */
export type E164 = string;

const E164_PATTERN = /^\+[1-9]\d{7,14}$/;

/** True for a number in E.164. Masked search results such as `+49351xxxxxxx` and numbers with blanks are not E.164. */
export function isE164(text: string): text is E164 {
  return E164_PATTERN.test(text);
}

/** The area code (NDC) of a +1 number; `null` for other countries, where area codes have no fixed length. */
export function nanpAreaCode(number: E164): string | null {
  return number.startsWith('+1') && number.length === 12 ? number.slice(2, 5) : null;
}

/** Cuts `items` into slices of at most `size`, in order. */
export function inSlices<T>(items: readonly T[], size: number): T[][] {
  const slices: T[][] = [];
  for (let at = 0; at < items.length; at += size) slices.push(items.slice(at, at + size));
  return slices;
}
