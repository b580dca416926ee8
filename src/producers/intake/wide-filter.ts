/** A filter may be an error when it matches more than this share of the inventory and more than this many numbers. */
const SHARE = 0.5;
const FEW = 100;

/** The warning about a filter that matches so many of our numbers; `null` when there is nothing to warn about. */
export function wideNote({ matched, of }: { matched: number; of: number }): string | null {
  if (matched <= FEW || matched <= of * SHARE) return null;
  const count = (n: number) => n.toLocaleString('en-US');
  return `the filter matches ${count(matched)} of the ${count(of)} numbers that we own${matched === of ? ': all of them' : ''}`;
}
