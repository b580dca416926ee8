/** A filter that matches more than half of the inventory, and more than a hundred numbers, may be a mistake: it is said. */
const SHARE = 0.5;
const FEW = 100;

/** What to tell about a filter that matches so many of our numbers; `null` when there is nothing to say. */
export function wideNote({ matched, of }: { matched: number; of: number }): string | null {
  if (matched <= FEW || matched <= of * SHARE) return null;
  const count = (n: number) => n.toLocaleString('en-US');
  return `the filter matches ${count(matched)} of the ${count(of)} numbers that we own${matched === of ? ': all of them' : ''}`;
}
