import { NOT_OURS } from '../db/compare-inventory.ts';
import { countByPrefix, countOwned } from '../db/numbers.ts';
import { ProvisioningError } from '../domain/errors.ts';
import type { E164 } from '../domain/phone-number.ts';
import type { AccountNumber } from '../telnyx/gateway.ts';
import type { WorkDeps } from './deps.ts';

/** The largest page of the number list of Telnyx. */
const PAGE = 250;
/** Prefix lengths by which a read may group numbers: country and area code, the same with the exchange, and the whole number. */
const LENGTHS = [5, 8, 12] as const;
/** How often one page is read before the whole read fails. */
const MOST_TRIES = 5;
/**
 * How many pages one read asks for at once. The queue of the rate limiter stays short even when every slot of a process reads.
 */
const READERS = 4;

/** How some numbers are read. */
interface Plan {
  /** Number of list calls, estimated from our inventory. */
  calls: number;
  /** Prefixes to list; the empty prefix lists the whole account. */
  prefixes: string[];
}

interface PageOf {
  prefix: string;
  pageNumber: number;
}

/**
 * Reads the full objects of some numbers of ours. Telnyx has no read for a set of numbers, so the read lists a common prefix, or
 * the whole account when that takes fewer calls. A number that the list does not show is missing from the result. Errors: those
 * of the gateway.
 */
export async function readNumbers(deps: WorkDeps, numbers: E164[]): Promise<Map<E164, AccountNumber>> {
  return readPages(deps, numbers, await cheapestPlan(deps, numbers), () => undefined);
}

/**
 * Reads the same for a caller that must not act on old data. Returns `null` when the read takes longer than `withinMs`
 * milliseconds, and makes no call when the rate limit shows that beforehand. Fewer numbers may be read in time.
 */
export async function readNumbersSoon(
  deps: WorkDeps,
  numbers: E164[],
  withinMs = deps.timings.leaseMs,
): Promise<Map<E164, AccountNumber> | null> {
  const until = deps.clock.now().getTime() + withinMs;
  const plan = await cheapestPlan(deps, numbers);
  const perSecond = deps.telnyx.limits().find(({ family }) => family === 'reads')?.perSecond ?? Number.POSITIVE_INFINITY;
  if (numbers.length > 1 && (plan.calls / perSecond) * 1_000 > withinMs) return null;
  const checkTime = (): void => {
    if (deps.clock.now().getTime() > until) throw new TooSlow();
  };
  try {
    return await readPages(deps, numbers, plan, checkTime);
  } catch (error) {
    if (error instanceof TooSlow) return null;
    throw error;
  }
}

/** Thrown to end a read. It never leaves this file. */
class TooSlow extends Error {}

/** Reads the first page of each prefix, which says how many pages there are, then the other pages. A few calls run at once. */
async function readPages(deps: WorkDeps, numbers: E164[], plan: Plan, checkTime: () => void): Promise<Map<E164, AccountNumber>> {
  const wanted = new Set(numbers);
  const found = new Map<E164, AccountNumber>();
  const totals = new Map(plan.prefixes.map((prefix) => [prefix, 1]));
  const isDone = (): boolean => found.size === wanted.size && [...found.values()].every(isOurs);
  const read = async ({ prefix, pageNumber }: PageOf): Promise<void> => {
    checkTime();
    const query = { pageNumber, pageSize: PAGE, ...(prefix !== '' && { digits: prefix.slice(1) }) };
    const page = await readAgain(() => deps.telnyx.listNumbers(query), rests(deps));
    totals.set(prefix, Math.max(totals.get(prefix) ?? 1, page.totalPages));
    for (const n of page.numbers) {
      // The list may show a number twice when it was ours before. The row of its earlier life must not hide the present one.
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

/**
 * Runs `step` for each entry, a few at once, until `isDone` or until one fails. Returns only when every step that was begun has
 * ended.
 */
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

/** True when a row of the list is a number that the account has now. The list also shows numbers that it had earlier. */
export const isOurs = (n: AccountNumber | undefined): boolean => n !== undefined && !NOT_OURS.includes(n.status);

/**
 * Repeats a read that failed with "retry", so that one failed page does not lose all pages before it. `rest` waits before the
 * next attempt, or throws after the last one.
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

/**
 * Waits briefly between two attempts. Throws when Telnyx asks for a long wait, because the caller must not occupy a slot
 * meanwhile.
 */
const rests = (deps: WorkDeps) => async (error: ProvisioningError, tries: number) => {
  const ms = error.retryAfterMs ?? deps.timings.backoffMs;
  if (tries >= MOST_TRIES || ms > deps.timings.leaseMs / 2 || error.code === 'stopping') throw error;
  await deps.pause(ms);
};

/** The way to group the numbers that takes the fewest pages. */
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
