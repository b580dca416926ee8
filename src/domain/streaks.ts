import type { E164 } from './phone-number.ts';
import type { Timings } from './timings.ts';

/** An unbroken series of checks of one source that did not show a number: its first moment and its length. */
export interface Streak {
  since: string;
  checks: number;
}

/** The streaks of several numbers. */
export type Streaks = Record<E164, Streak>;

/** A number that was bought less than this many settling windows ago is fresh. A check that does not show it proves nothing. */
const FRESH_WINDOWS = 5;

/** The streaks after one more check, which did not show `hidden`. A number that this check showed has no streak any more. */
export function checkedAgain(before: Streaks | undefined, hidden: readonly E164[], at: Date): Streaks {
  const after = (n: E164): Streak => {
    const known = before?.[n];
    return known === undefined ? { since: at.toISOString(), checks: 1 } : { since: known.since, checks: known.checks + 1 };
  };
  return Object.fromEntries(hidden.map((n) => [n, after(n)]));
}

/** True when at least two checks over `patienceMs` milliseconds did not show the number, and none in between did. */
export function hiddenFor(streak: Streak | undefined, now: Date, patienceMs: number): boolean {
  return streak !== undefined && streak.checks >= 2 && now.getTime() - new Date(streak.since).getTime() >= patienceMs;
}

/** A number that was bought after this moment is fresh. */
export const freshSince = (now: Date, t: Pick<Timings, 'settleMs'>): Date => new Date(now.getTime() - FRESH_WINDOWS * t.settleMs);

/** True for a number that was bought a moment ago. */
export const isFresh = (purchasedAt: Date | null | undefined, now: Date, t: Pick<Timings, 'settleMs'>): boolean =>
  purchasedAt != null && purchasedAt > freshSince(now, t);

/** How many milliseconds a number that does not show, or is not ready, may delay its chunk. */
export const patienceFor = (purchasedAt: Date | null | undefined, now: Date, t: Pick<Timings, 'settleMs'>): number =>
  isFresh(purchasedAt, now, t) ? FRESH_WINDOWS * t.settleMs : t.settleMs;
