import type { E164 } from './phone-number.ts';
import type { Timings } from './timings.ts';

/** An unbroken row of checks of one source that did not show a number: since when, and how many. */
export interface Streak {
  since: string;
  checks: number;
}

export type Streaks = Record<E164, Streak>;

/** A number bought less than this many settling windows ago is fresh: what does not show it yet proves nothing. */
const FRESH_WINDOWS = 5;

/** The streaks after one more check. A number that was shown this time has none any more. */
export function checkedAgain(before: Streaks | undefined, hidden: readonly E164[], at: Date): Streaks {
  const after = (n: E164): Streak => {
    const known = before?.[n];
    return known === undefined ? { since: at.toISOString(), checks: 1 } : { since: known.since, checks: known.checks + 1 };
  };
  return Object.fromEntries(hidden.map((n) => [n, after(n)]));
}

/** True when at least two checks over `patienceMs` did not show the number, and none did. */
export function hiddenFor(streak: Streak | undefined, now: Date, patienceMs: number): boolean {
  return streak !== undefined && streak.checks >= 2 && now.getTime() - new Date(streak.since).getTime() >= patienceMs;
}

/** The moment before which a purchase is fresh no more. */
export const freshSince = (now: Date, t: Pick<Timings, 'settleMs'>): Date => new Date(now.getTime() - FRESH_WINDOWS * t.settleMs);

export const isFresh = (purchasedAt: Date | null | undefined, now: Date, t: Pick<Timings, 'settleMs'>): boolean =>
  purchasedAt != null && purchasedAt > freshSince(now, t);

/** How long a number that the list does not show, or that is not ready, holds its chunk up. */
export const patienceFor = (purchasedAt: Date | null | undefined, now: Date, t: Pick<Timings, 'settleMs'>): number =>
  isFresh(purchasedAt, now, t) ? FRESH_WINDOWS * t.settleMs : t.settleMs;
