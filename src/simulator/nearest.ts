/** Edits (insert, delete, replace) that lead from one word to another. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, n) => n);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}

const plain = (word: string): string => word.toLowerCase().replaceAll(/[^a-z0-9]/g, '');

/** The word that was probably meant; `undefined` when none is near. */
export function nearest(word: string, words: readonly string[]): string | undefined {
  const wanted = plain(word);
  let best: { word: string; edits: number } | undefined;
  for (const candidate of words) {
    const edits = distance(wanted, plain(candidate));
    if (edits < (best?.edits ?? 1 + Math.ceil(Math.max(wanted.length, 3) / 3))) best = { word: candidate, edits };
  }
  return best?.word;
}
