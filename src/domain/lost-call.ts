import { backoff } from './clock.ts';
import { type Evidence, historyOf, mayTakeEffectLate, seenIn } from './evidence.ts';
import type { Timings } from './timings.ts';

/** Refusals for numbers that cannot be had. */
const GONE: ReadonlySet<string> = new Set(['numbers_gone', 'numbers_unrecognized', 'already_reserved', 'search_expired']);
/** Refusals that Telnyx was seen to give for numbers that the account had just bought, perhaps by this very call. */
const IN_DOUBT: ReadonlySet<string> = new Set(['conflict', 'duplicate']);

/** True when Telnyx refused an order for its numbers. Such numbers are never sent again unchanged. */
export const refusedForNumbers = (because: string): boolean => GONE.has(because) || IN_DOUBT.has(because);

/** What to do about a call whose outcome is unknown. */
export type LostCallDecision =
  | { kind: 'adopt'; telnyxId: string }
  | { kind: 'owned_without_order' }
  | { kind: 'not_sent' }
  | { kind: 'refused'; windowOver: boolean }
  | { kind: 'check_again'; delayMs: number }
  | { kind: 'contradiction'; why: string };

/** A chunk is resent at most this often after the evidence said "not sent". Then a person decides. */
export const MAX_RESENDS = 5;

/** What is known of a call whose outcome is unknown. */
export interface LostCall {
  evidence: Evidence;
  /** How many numbers the call carries. */
  numbers: number;
  /** True for a call that buys: a refusal may then hide a purchase of our own. */
  buys: boolean;
  /** When the outcome became unknown. */
  since: Date;
  now: Date;
}

/**
 * Decides what became of a call whose outcome is unknown. One order or batch job of ours at Telnyx is adopted at once. "Not sent"
 * needs the whole settling window and at least three checks that found nothing at any source. An order that Telnyx refused for
 * its numbers ends as `refused` after that window, whichever of its numbers are ours, or after a single check that proves the
 * refusal and shows no number as ours.
 *
 * An update sets values, so it may go out again after the window. A release that goes out again is first checked by ownership and
 * the list, and numbers that are gone by then count as released by its request.
 */
export function decideLostCall(call: LostCall, t: Timings): LostCallDecision {
  const { evidence, now } = call;
  const seen = seenIn(evidence, 'unknown');
  const last = seen?.checks.at(-1);
  if (seen === undefined || last === undefined) return { kind: 'check_again', delayMs: t.checkMinMs };
  const [first, second] = last.found;
  // Several identical batch jobs do the same thing to the same numbers, so following the newest is right.
  if (second !== undefined && call.buys)
    return { kind: 'contradiction', why: `${last.found.length} orders carry the reference of this chunk` };
  if (first !== undefined) return { kind: 'adopt', telnyxId: first };
  const most = Math.max(...seen.checks.map((c) => c.owned));
  const wasRefused = call.buys && refusedForNumbers(seen.because);
  if (wasRefused && most === 0 && oneCheckProves(evidence, now)) return { kind: 'refused', windowOver: false };
  const isSettled = now.getTime() - call.since.getTime() >= t.settleMs && seen.checks.length >= 3;
  if (!isSettled) return { kind: 'check_again', delayMs: backoff(seen.checks.length - 1, t.checkMinMs, t.checkMaxMs) };
  if (last.owned === call.numbers) return { kind: 'owned_without_order' };
  if (wasRefused && last.owned === most) return { kind: 'refused', windowOver: true };
  if (most > 0) {
    const shown =
      last.owned > 0 ? `${last.owned} of ${call.numbers} numbers are ours` : `${most} numbers showed as ours and no longer do`;
    return { kind: 'contradiction', why: `${shown}, but no order carries the reference` };
  }
  if ((historyOf(evidence).resent ?? 0) < MAX_RESENDS) return { kind: 'not_sent' };
  return { kind: 'contradiction', why: `the reply was lost ${MAX_RESENDS + 1} times and nothing was ever found at Telnyx` };
}

/**
 * True when one check of the order list and of ownership is enough to take a refused order apart. The refusal must be clear and
 * the numbers must have been sent once only, so that no other call of ours can have taken them.
 */
export function oneCheckProves(evidence: Evidence, now: Date): boolean {
  const seen = seenIn(evidence, 'unknown');
  if (seen === undefined || seen.wholeWindow === true || mayTakeEffectLate(evidence, now)) return false;
  return GONE.has(seen.because) || (IN_DOUBT.has(seen.because) && evidence.history.windowed === true);
}
