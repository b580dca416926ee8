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
/** Pages that one read asks for at once. With the slots of a process all reading, the queue of the limiter stays short enough. */
const READERS = 4;

/** What a read of some numbers stands for. */
interface Plan {
  /** List calls, as far as our inventory tells. */
  calls: number;
  prefixes: string[];
}

interface PageOf {
  prefix: string;
  pageNumber: number;
}

/**
 * The full objects of some numbers of ours, by as few list calls as the inventory suggests: grouped by a common prefix, or by
 * walking everything when that is cheaper. Telnyx has no read for a set of numbers. A number that is not shown is absent.
 */
export async function readNumbers(deps: WorkDeps, numbers: E164[]): Promise<Map<E164, AccountNumber>> {
  return readPages(deps, numbers, await cheapestPlan(deps, numbers), () => undefined);
}

/**
 * The same for whoever acts on what was read, and must not act on what it read long ago: `null` when it takes longer than a
 * lease, before any call when that many calls cannot be made in that time. Fewer numbers may be read in time.
 */
export async function readNumbersSoon(deps: WorkDeps, numbers: E164[]): Promise<Map<E164, AccountNumber> | null> {
  const until = deps.clock.now().getTime() + deps.timings.leaseMs;
  const plan = await cheapestPlan(deps, numbers);
  const perSecond = deps.telnyx.limits().find(({ family }) => family === 'reads')?.perSecond ?? Number.POSITIVE_INFINITY;
  if (numbers.length > 1 && (plan.calls / perSecond) * 1_000 > deps.timings.leaseMs) return null;
  const look = (): void => {
    if (deps.clock.now().getTime() > until) throw new TooSlow();
  };
  try {
    return await readPages(deps, numbers, plan, look);
  } catch (error) {
    if (error instanceof TooSlow) return null;
    throw error;
  }
}

/** Ends a read; never leaves this file. */
class TooSlow extends Error {}

/** First the first page of each prefix, which says how many there are, then the others; a few calls at once. */
async function readPages(deps: WorkDeps, numbers: E164[], plan: Plan, look: () => void): Promise<Map<E164, AccountNumber>> {
  const wanted = new Set(numbers);
  const found = new Map<E164, AccountNumber>();
  const totals = new Map(plan.prefixes.map((prefix) => [prefix, 1]));
  const isDone = (): boolean => found.size === wanted.size && [...found.values()].every(isOurs);
  const read = async ({ prefix, pageNumber }: PageOf): Promise<void> => {
    look();
    const query = { pageNumber, pageSize: PAGE, ...(prefix !== '' && { digits: prefix.slice(1) }) };
    const page = await readAgain(() => deps.telnyx.listNumbers(query), rests(deps));
    totals.set(prefix, Math.max(totals.get(prefix) ?? 1, page.totalPages));
    for (const n of page.numbers) {
      // A number that was ours before may be listed twice: the row of its earlier life must not hide the one of today.
      if (wanted.has(n.phoneNumber) && (isOurs(n) || !found.has(n.phoneNumber))) found.set(n.phoneNumber, n);
    }
  };
  for (let before = new Map<string, number>(); !isDone(); ) {
    const next = [...totals].flatMap(([prefix, total]) => pagesBetween(prefix, before.get(prefix) ?? 0, total));
    if (next.length === 0) break;
    before = new Map(totals);
    await fewAtOnce(next, read, isDone);
  }
  return found;
}

function pagesBetween(prefix: string, after: number, last: number): PageOf[] {
  return Array.from({ length: Math.max(0, last - after) }, (_, i) => ({ prefix, pageNumber: after + 1 + i }));
}

/** Takes one step for each, a few at once, until it is done or one fails; ends only when all that were begun have ended. */
async function fewAtOnce<T>(all: readonly T[], step: (one: T) => Promise<void>, isDone: () => boolean): Promise<void> {
  const left = all.values();
  let failed = false;
  const reader = async (): Promise<void> => {
    for (const one of left) {
      if (failed || isDone()) return;
      await step(one).catch((error: unknown) => {
        failed = true;
        throw error;
      });
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: READERS }, reader));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
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
  if (tries >= MOST_TRIES || ms > deps.timings.leaseMs / 2 || error.code === 'stopping') throw error;
  await deps.pause(ms);
};

/** Of all ways to group the numbers, the one with the fewest pages; the empty prefix is the whole account. */
async function cheapestPlan(deps: WorkDeps, numbers: E164[]): Promise<Plan> {
  const pages = (n: number) => Math.max(1, Math.ceil(n / PAGE));
  let best: Plan = { calls: pages(await countOwned(deps.db.sql)) + 1, prefixes: [''] };
  for (const length of LENGTHS) {
    const counts = await countByPrefix(deps.db.sql, numbers, length);
    const calls = [...counts.values()].reduce((sum, n) => sum + pages(n), 0);
    if (calls < best.calls) best = { calls, prefixes: [...counts.keys()] };
  }
  return best;
}
