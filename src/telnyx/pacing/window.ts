import type { RateHeaders } from './rate-headers.ts';

/** What Telnyx allows: so many calls in any window of this length. */
export interface Window {
  calls: number;
  ms: number;
}

/**
 * How much longer than a window our calls are spread. Calls arrive at Telnyx with delays that differ, and one that comes early
 * into a full window is refused. Telnyx counts in seconds, so this leaves 93 % of a limit.
 */
const SPREAD_MS = 70;
/** A call may reach Telnyx this much later than it left. The rest of the spread is for calls that leave late. */
const GUARD_MS = 60;

/** A window with no length in the headers is at least this long, because `x-ratelimit-reset` is in whole seconds. */
const SECOND = 1_000;

/**
 * The window that the headers of a normal answer show, or `null`. `w=` names its length. Without it, the reset names the time that
 * is left of it, and the longest that was seen is taken for the length.
 */
export function windowOf(seen: RateHeaders): Window | null {
  if (seen.window !== null) return seen.window;
  if (seen.limit === null || seen.limit < 1 || seen.resetMs === null || seen.resetMs < SECOND) return null;
  // A reset as a Unix time is up to a second longer than what is left.
  return { calls: seen.limit, ms: Math.floor(seen.resetMs / SECOND) * SECOND };
}

/**
 * Whether `seen` is to take the place of what is known: the tighter one wins, because endpoints of one family may have limits of
 * their own. What is known is forgotten after a while, so a limit that was raised is noticed too.
 */
export function isTighter(seen: Window, known: Window): boolean {
  return seen.calls / seen.ms < known.calls / known.ms;
}

/** The pace that keeps within a window, in calls a second. */
export function paceOf({ calls, ms }: Window): number {
  return (calls / (ms + SPREAD_MS)) * 1_000;
}

/** For how long a call counts: the window, and the time by which a call may reach Telnyx later than the next one. */
export function countsForMs({ ms }: Window): number {
  return ms + GUARD_MS;
}

/**
 * How long a call must wait, in milliseconds, so that no window has too many. `times` are the moments of the last calls in
 * ascending order, those of others included.
 */
export function waitFor(times: readonly number[], window: Window, now: number): number {
  const oldest = times.at(-window.calls);
  return oldest === undefined ? 0 : Math.max(0, oldest + countsForMs(window) - now);
}
