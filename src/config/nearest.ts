/** The candidate that a typing error most likely meant, or `null` when none is close. */
export function nearest(word: string, candidates: readonly string[]): string | null {
  let best: string | null = null;
  let least = Math.ceil(word.length / 3);
  for (const candidate of candidates) {
    const distance = editDistance(word, candidate);
    if (distance < least) [best, least] = [candidate, distance];
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1] ? 0 : 1;
      const left = current[column - 1] ?? 0;
      const above = previous[column] ?? 0;
      const corner = previous[column - 1] ?? 0;
      current.push(Math.min(left + 1, above + 1, corner + same));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}
