import { createHash, type Hash } from 'node:crypto';
import type { NumberRow } from './stage-numbers.ts';

/** The hash of a body without its numbers. `withNumbers` adds them while they are read, because a list may be a stream. */
export function hashOfBody(body: object): Hash {
  return createHash('sha256').update(canonical(body));
}

/** JSON with sorted keys, so that the order of the keys does not change the hash. */
function canonical(value: unknown): string {
  const bare = value !== null && typeof value === 'object' ? { ...value, phone_numbers: undefined, rows: undefined } : value;
  return JSON.stringify(bare, (_key, v: unknown) =>
    v !== null && typeof v === 'object' && !Array.isArray(v)
      ? Object.fromEntries(Object.entries(v).sort(([a], [b]) => (a < b ? -1 : 1)))
      : v,
  );
}

/** Adds the numbers of a list to the hash, in their order, each with the values of its row. */
export async function withNumbers(hash: Hash, numbers: AsyncIterable<NumberRow> | Iterable<NumberRow>): Promise<Hash> {
  for await (const { number, steps } of numbers) {
    hash.update(number);
    if (steps !== undefined) hash.update(steps);
  }
  return hash;
}
