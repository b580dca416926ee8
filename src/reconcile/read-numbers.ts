import { countByPrefix, countOwned } from '../db/numbers.ts';
import type { E164 } from '../domain/phone-number.ts';
import type { AccountNumber } from '../telnyx/gateway.ts';
import type { WorkDeps } from './deps.ts';

const PAGE = 250;
/** Prefix lengths that a look-up may group by: country and area code, with exchange, and the whole number. */
const LENGTHS = [5, 8, 12] as const;

/**
 * The full objects of some numbers of ours, by as few list calls as the inventory suggests: grouped by a common prefix, or by
 * walking everything when that is cheaper. Telnyx has no read for a set of numbers. A number that is not shown is absent.
 */
export async function readNumbers(deps: WorkDeps, numbers: E164[]): Promise<Map<E164, AccountNumber>> {
  const wanted = new Set(numbers);
  const found = new Map<E164, AccountNumber>();
  for (const prefix of await cheapestPrefixes(deps, numbers)) {
    for (let pageNumber = 1, totalPages = 1; pageNumber <= totalPages; pageNumber += 1) {
      const page = await deps.telnyx.listNumbers({
        pageNumber,
        pageSize: PAGE,
        ...(prefix !== '' && { digits: prefix.slice(1) }),
      });
      totalPages = page.totalPages;
      for (const n of page.numbers) if (wanted.has(n.phoneNumber)) found.set(n.phoneNumber, n);
      if (found.size === wanted.size) return found;
    }
  }
  return found;
}

/** Of all ways to group the numbers, the one with the fewest pages; the empty prefix is the whole account. */
async function cheapestPrefixes(deps: WorkDeps, numbers: E164[]): Promise<string[]> {
  const pages = (n: number) => Math.max(1, Math.ceil(n / PAGE));
  let best = { cost: pages(await countOwned(deps.db.sql)) + 1, prefixes: [''] };
  for (const length of LENGTHS) {
    const counts = await countByPrefix(deps.db.sql, numbers, length);
    const cost = [...counts.values()].reduce((sum, n) => sum + pages(n), 0);
    if (cost < best.cost) best = { cost, prefixes: [...counts.keys()] };
  }
  return best.prefixes;
}
