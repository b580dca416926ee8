import { LONGEST_WAIT_MS, type RateHeaders } from './rate-headers.ts';

/** What is allowed: so many calls in any window of this length. */
export interface Window {
  calls: number;
  ms: number;
}

/** A window with the time for which a call counts in it. */
export interface Hold {
  calls: number;
  countsForMs: number;
}

/**
 * How much longer than its window a call counts that Telnyx limits. Calls arrive with delays that differ, and one that comes early
 * into a full window is refused. Telnyx counts in seconds, so this leaves 94 % of a limit.
 */
const GUARD_MS = 60;
/** The same for a cap, which is kept where calls leave: a call that leaves this much later than its turn came is counted anew. */
export const LATE_MS = 10;

/** A window with no length in the headers is at least this long, because `x-ratelimit-reset` is in whole seconds. */
const SECOND = 1_000;
/** Each call of a window is remembered. A larger window is held by a shorter one of the same pace. */
export const MOST_CALLS = 2_000;

/** What is known is confirmed again when it was last confirmed longer ago than this. */
const CONFIRM_EVERY_MS = 5_000;
/** A window that no answer has confirmed for this long gives way to any other one. */
const STALE_MS = 60_000;

/**
 * The window that the headers of a normal answer show, or `null`. `w=` names its length. Without it, the reset names the time that
 * is left of it, and the longest that was seen is taken for the length.
 */
export function windowOf(seen: RateHeaders): Window | null {
  if (seen.window !== null) return bounded(seen.window);
  if (seen.limit === null || seen.limit < 1 || seen.resetMs === null || seen.resetMs < SECOND) return null;
  // A reset as a Unix time is up to a second longer than what is left.
  return bounded({ calls: Math.floor(seen.limit), ms: Math.floor(seen.resetMs / SECOND) * SECOND });
}

/** The same pace in a window that is no longer than any wait may be, and has no more calls than are remembered. */
function bounded({ calls, ms }: Window): Window {
  if (ms > LONGEST_WAIT_MS)
    return bounded({ calls: Math.max(1, Math.floor((calls / ms) * LONGEST_WAIT_MS)), ms: LONGEST_WAIT_MS });
  return calls > MOST_CALLS ? { calls: MOST_CALLS, ms: Math.ceil((ms / calls) * MOST_CALLS) } : { calls, ms };
}

/**
 * Which window is to be known after an answer that showed `seen`; `null` when nothing changes. The tighter one wins, because
 * endpoints of one family may have limits of their own. `known` was last confirmed `ageMs` ago. When no answer confirms it any
 * more, Telnyx has changed it, and any other one takes its place.
 */
export function toRemember(seen: Window, known: Window | null, ageMs: number): Window | null {
  if (known === null || seen.calls / seen.ms < known.calls / known.ms) return seen;
  // Of a window whose length comes from a reset, most answers show a shorter rest.
  if (seen.calls === known.calls && seen.ms === known.ms) return ageMs > CONFIRM_EVERY_MS ? known : null;
  return ageMs > STALE_MS + 2 * known.ms ? seen : null;
}

/** The pace that keeps within a window, in calls a second. */
export function paceOf({ calls, ms }: Window): number {
  return (calls / (ms + GUARD_MS)) * 1_000;
}

/** The hold of a window that Telnyx announces. */
export function holdOf({ calls, ms }: Window): Hold {
  return { calls, countsForMs: ms + GUARD_MS };
}

/** The hold of a rate that was set as a cap, in calls a second: as many whole calls as fit into a second, in their time. */
export function holdOfCap(perSecond: number): Hold {
  const calls = Math.max(1, Math.floor(perSecond));
  return { calls, countsForMs: Math.ceil((calls / perSecond) * 1_000) + LATE_MS };
}

/**
 * How long a call must wait, in milliseconds, so that no hold has too many. `times` are the moments of the last calls in ascending
 * order, those of others included.
 */
export function waitFor(times: readonly number[], holds: readonly Hold[], now: number): number {
  const waits = holds.map(({ calls, countsForMs }) => (times.at(-calls) ?? Number.NEGATIVE_INFINITY) + countsForMs - now);
  return Math.max(0, ...waits);
}
