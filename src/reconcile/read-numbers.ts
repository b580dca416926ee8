import { NOT_OURS } from '../db/compare-inventory.ts';
import { countByPrefix, countOwned } from '../db/numbers.ts';
import { ProvisioningError } from '../domain/errors.ts';
import type { E164 } from '../domain/phone-number.ts';
import type { AccountNumber } from '../telnyx/gateway.ts';
import type { WorkDeps } from './deps.ts';

const PAGE = 250;
/** Prefix lengths that a look-up may group by: country and area code, with exchange, and the whole number. */
const LENGTHS = [5, 8, 12] as const;
/** One page is tried this often before the whole read is given up. */
const MOST_TRIES = 5;

/**
 * The full objects of some numbers of ours, by as few list calls as the inventory suggests: grouped by a common prefix, or by
 * walking everything when that is cheaper. Telnyx has no read for a set of numbers. A number that is not shown is absent.
 */
export async function readNumbers(deps: WorkDeps, numbers: E164[]): Promise<Map<E164, AccountNumber>> {
  const wanted = new Set(numbers);
  const found = new Map<E164, AccountNumber>();
  for (const prefix of await cheapestPrefixes(deps, numbers)) {
    for (let pageNumber = 1, totalPages = 1; pageNumber <= totalPages; pageNumber += 1) {
      const query = { pageNumber, pageSize: PAGE, ...(prefix !== '' && { digits: prefix.slice(1) }) };
      const page = await readAgain(() => deps.telnyx.listNumbers(query), rests(deps));
      totalPages = page.totalPages;
      for (const n of page.numbers) {
        // A number that was ours before may be listed twice: the row of its earlier life must not hide the one of today.
        if (wanted.has(n.phoneNumber) && (isOurs(n) || !found.has(n.phoneNumber))) found.set(n.phoneNumber, n);
      }
      if (found.size === wanted.size && [...found.values()].every(isOurs)) return found;
    }
  }
  return found;
}

/** Whether a row of the list is a number that the account has now; rows of numbers that it had are listed too. */
export const isOurs = (n: AccountNumber | undefined): boolean => n !== undefined && !NOT_OURS.includes(n.status);

/**
 * Reads once more what failed and may be read again, so that one page that fails does not cost all that were read before it.
 * `rest` waits before the next try, or throws when it was tried often enough.
 */
export async function readAgain<T>(
  read: () => Promise<T>,
  rest: (error: ProvisioningError, tries: number) => Promise<void>,
): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof ProvisioningError) || error.disposition !== 'retry') throw error;
      await rest(error, tries);
    }
  }
}

/** Short waits only: whoever is told to come back in a minute gives its place away meanwhile. */
const rests = (deps: WorkDeps) => async (error: ProvisioningError, tries: number) => {
  const ms = error.retryAfterMs ?? deps.timings.backoffMs;
  if (tries >= MOST_TRIES || ms > deps.timings.leaseMs / 2) throw error;
  await deps.pause(ms);
};

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
