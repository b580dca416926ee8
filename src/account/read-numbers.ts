import { NOT_OURS } from '../db/compare-inventory.ts';
import { type ExpectedPages, pagesByPrefix } from '../db/number-pages.ts';
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

/**
 * The list is sorted by number, so our inventory tells on which of its pages a number stands. It ranks at most so many numbers for
 * that, because a database sorts them each time.
 */
const MOST_RANKED = 20_000;

/** How some numbers are read. */
interface Plan {
  /** Number of list calls, estimated from our inventory. */
  calls: number;
  /** The pages to read first, of prefixes; the empty prefix lists the whole account. The other pages follow until all are found. */
  first: PageOf[];
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

/**
 * Reads the pages on which the numbers should stand, then the others, the nearest first, until all numbers are found or every page
 * was read. A few calls run at once.
 */
async function readPages(deps: WorkDeps, numbers: E164[], plan: Plan, checkTime: () => void): Promise<Map<E164, AccountNumber>> {
  const wanted = new Set(numbers);
  const found = new Map<E164, AccountNumber>();
  const totals = new Map(plan.first.map(({ prefix }) => [prefix, 1]));
  const seen = new Set<string>();
  const isDone = (): boolean => found.size === wanted.size && [...found.values()].every(isOurs);
  const read = async (one: PageOf): Promise<void> => {
    checkTime();
    const { prefix, pageNumber } = one;
    const query = { pageNumber, pageSize: PAGE, ...(prefix !== '' && { digits: prefix.slice(1) }) };
    const page = await readAgain(() => deps.telnyx.listNumbers(query), rests(deps)).catch((error: unknown) =>
      beyondEnd(one, error),
    );
    seen.add(keyOf(one));
    totals.set(prefix, Math.max(totals.get(prefix) ?? 1, page.totalPages));
    for (const n of page.numbers) {
      // The list may show a number twice when it was ours before. The row of its earlier life must not hide the present one.
      if (wanted.has(n.phoneNumber) && (isOurs(n) || !found.has(n.phoneNumber))) found.set(n.phoneNumber, n);
    }
  };
  for (let next = plan.first; next.length > 0 && !isDone(); next = unread(totals, seen, plan.first)) {
    await fewAtOnce(next, read, isDone);
  }
  return found;
}

const keyOf = ({ prefix, pageNumber }: PageOf): string => `${prefix} ${pageNumber}`;

/** The pages that were not read yet. Numbers that joined or left the account move the others by a page at most, as a rule. */
function unread(totals: ReadonlyMap<string, number>, seen: ReadonlySet<string>, first: PageOf[]): PageOf[] {
  const distance = (one: PageOf): number =>
    Math.min(...first.filter(({ prefix }) => prefix === one.prefix).map((f) => Math.abs(f.pageNumber - one.pageNumber)));
  const all = [...totals].flatMap(([prefix, total]) => Array.from({ length: total }, (_, i) => ({ prefix, pageNumber: i + 1 })));
  const left = all.filter((one) => !seen.has(keyOf(one))).map((one) => ({ one, far: distance(one) }));
  return left.sort((a, b) => a.far - b.far).map(({ one }) => one);
}

/** The account may have fewer pages than our inventory, and Telnyx does not say how it answers for a page behind the last one. */
function beyondEnd({ pageNumber }: PageOf, error: unknown): { numbers: AccountNumber[]; totalPages: number } {
  if (pageNumber > 1 && error instanceof ProvisioningError && error.code === 'invalid_request')
    return { numbers: [], totalPages: 1 };
  throw error;
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
  const owned = await countOwned(deps.db.sql);
  let best = planOf(await expectedPages(deps, numbers, 0, new Map([['', owned]])), pagesFor(owned) + 1);
  for (const length of LENGTHS) {
    const counts = await countByPrefix(deps.db.sql, numbers, length);
    const most = [...counts.values()].reduce((sum, n) => sum + pagesFor(n), 0);
    const plan = planOf(await expectedPages(deps, numbers, length, counts), most);
    if (plan.calls < best.calls) best = plan;
  }
  return best;
}

const pagesFor = (n: number): number => Math.max(1, Math.ceil(n / PAGE));

/** For each prefix the pages on which the numbers should stand; the first page where that is not known. */
async function expectedPages(
  deps: WorkDeps,
  numbers: E164[],
  length: number,
  counts: ReadonlyMap<string, number>,
): Promise<Map<string, ExpectedPages | null>> {
  const prefixes = [...counts.keys()];
  const large = [...counts.values()].some((n) => n > PAGE);
  const ranked = [...counts.values()].reduce((sum, n) => sum + n, 0);
  const known = large && ranked <= MOST_RANKED ? await pagesByPrefix(deps.db.sql, numbers, length, PAGE) : new Map();
  return new Map(prefixes.map((prefix) => [prefix, known.get(prefix) ?? null]));
}

/** `most` calls read every page. Fewer suffice where the inventory knows all numbers of a prefix; a page more allows for a shift. */
function planOf(pages: Map<string, ExpectedPages | null>, most: number): Plan {
  const first = [...pages].flatMap(([prefix, expected]) =>
    (expected?.pages ?? [1]).map((pageNumber) => ({ prefix, pageNumber })),
  );
  const isKnown = [...pages.values()].every((expected) => expected?.knowsAll === true);
  return { first, calls: isKnown ? Math.min(most, first.length + 1) : most };
}
