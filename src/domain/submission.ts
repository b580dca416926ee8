import type { ErrorCode } from './codes.ts';
import type { Streaks } from './looks.ts';
import type { E164 } from './phone-number.ts';
import type { Timings } from './timings.ts';

/** One look after an unknown outcome. `found` are Telnyx ids that carry our reference or our exact number set. */
export interface Look {
  at: string;
  found: string[];
  /** How many of the chunk's numbers are ours by ownership look-up. */
  owned: number;
}

/** What a chunk knows of the calls that came before its own: its earlier submissions, and the orders that it was cut out of. */
export interface Lineage {
  /** Times that all evidence said "not sent" and the same numbers went out again. */
  resent?: number;
  /** A person said that nothing was sent, against what the looks saw or could not see. */
  declared?: boolean;
  /** Until this moment an earlier call for these numbers, of an order that this one was cut out of, may still take effect. */
  lateUntil?: string;
  /** These numbers were looked up for a whole settling window after a refusal that left them in doubt: not once more. */
  windowed?: boolean;
  /** Telnyx did not recognize these numbers, a fresh search offered them, and they were ordered again: not once more. */
  rearmed?: boolean;
  /** The order was halved to find out whether its numbers or its settings are refused. */
  bisect?: {
    /** The chunk that was halved. */
    of: string;
    /** The code with which this half was refused too, while the other half was undecided. */
    refused?: string;
  };
}

/** All that is known of a submission whose outcome is unknown; kept in the row, shown to the person who must decide. */
export interface Evidence extends Lineage {
  /** Why we do not know. */
  because: string;
  looks: Look[];
  /** Numbers that ownership showed as ours in the last look. */
  ownedNumbers?: string[];
  /** The numbers that Telnyx's refusal named as not to be had. */
  named?: E164[];
  /** The refusal concerns all numbers, so our own call may have taken them: only the whole window proves the contrary. */
  wholeWindow?: boolean;
  /** Before a batch is sent: numbers that ownership has not shown in any look of late, with their looks. */
  hidden?: Streaks;
  /** Before a batch is sent: numbers that the list does not show, or whose services are still being disabled. */
  notReady?: Streaks;
  /** Lines of an order that Telnyx calls failed while others wait, and that ownership did not show, with their looks. */
  failedLines?: Streaks;
  conclusion?: string;
}

/** What stays known of earlier submissions of a chunk when the looks begin anew. */
export function carriedOver(evidence: Evidence | null): Lineage {
  if (evidence === null) return {};
  const { resent, declared, lateUntil, windowed, rearmed, bisect } = evidence;
  return {
    ...(resent !== undefined && { resent }),
    ...(declared !== undefined && { declared }),
    ...(lateUntil !== undefined && { lateUntil }),
    ...(windowed !== undefined && { windowed }),
    ...(rearmed !== undefined && { rearmed }),
    ...(bisect !== undefined && { bisect }),
  };
}

/**
 * What a chunk inherits that is cut out of another at `at`. A resent or declared order may take effect late: its parts remember
 * that for one settling window more, or each part would be taken for an order that was sent once.
 */
export function inherited(evidence: Evidence | null, at: Date, t: Pick<Timings, 'settleMs'>): Lineage {
  const { resent, declared, ...lineage } = carriedOver(evidence);
  const isLate = (resent ?? 0) > 0 || declared === true;
  return isLate ? { ...lineage, lateUntil: new Date(at.getTime() + t.settleMs).toISOString() } : lineage;
}

/** True when an earlier call for the chunk's numbers may still take effect at `now`, although they were sent again since. */
export function mayTakeEffectLate(evidence: Lineage | null, now: Date): boolean {
  if (evidence === null) return false;
  const { resent = 0, declared, lateUntil } = evidence;
  return resent > 0 || declared === true || (lateUntil !== undefined && now < new Date(lateUntil));
}

/** Refusals that say which numbers cannot be had, or that some cannot. */
const GONE: ReadonlySet<string> = new Set<ErrorCode>([
  'numbers_gone',
  'numbers_unrecognized',
  'already_reserved',
  'search_expired',
]);
/** Refusals that Telnyx has been seen to give for numbers that the account had just bought, by this very call perhaps. */
const IN_DOUBT: ReadonlySet<string> = new Set<ErrorCode>(['conflict', 'duplicate']);

/** True when the order was refused for its numbers: they are never sent again unchanged. */
export const refusedForNumbers = (because: string): boolean => GONE.has(because) || IN_DOUBT.has(because);

/**
 * True when one look at the order list and one at ownership are enough to take a refused order apart: the refusal is clear, and
 * the numbers were sent only once, so no other call of ours can have taken them.
 */
export function oneLookProves(evidence: Evidence, now: Date): boolean {
  if (evidence.wholeWindow === true || mayTakeEffectLate(evidence, now)) return false;
  return GONE.has(evidence.because) || (IN_DOUBT.has(evidence.because) && evidence.windowed === true);
}

export type SubmissionDecision =
  | { kind: 'adopt'; telnyxId: string }
  | { kind: 'owned_without_order' }
  | { kind: 'not_sent' }
  | { kind: 'refused'; windowOver: boolean }
  | { kind: 'look_again'; delayMs: number }
  | { kind: 'contradiction'; why: string };

/** A chunk is resent at most this often on the evidence that it was not sent; then a person looks. */
export const MAX_RESENDS = 5;

export interface OrderSubmission {
  evidence: Evidence;
  numbers: number;
  /** When the outcome became unknown. */
  since: Date;
  now: Date;
}

/**
 * What became of an order whose outcome is unknown. One order with our reference is adopted at once. "Not sent" is said only
 * after the settling window, when both sources, order list and ownership, said no in every look of at least three. An order that
 * was refused for its numbers is `refused` then, whatever part of them is ours; at once, when one look proves it and shows nothing.
 */
export function decideOrder(s: OrderSubmission, t: Timings): SubmissionDecision {
  const last = s.evidence.looks.at(-1);
  if (last === undefined) return { kind: 'look_again', delayMs: t.lookMinMs };
  const [first, second] = last.found;
  if (second !== undefined)
    return { kind: 'contradiction', why: `${last.found.length} orders carry the reference of this chunk` };
  if (first !== undefined) return { kind: 'adopt', telnyxId: first };
  const most = Math.max(...s.evidence.looks.map((l) => l.owned));
  if (most === 0 && oneLookProves(s.evidence, s.now)) return { kind: 'refused', windowOver: false };
  const settled = s.now.getTime() - s.since.getTime() >= t.settleMs && s.evidence.looks.length >= 3;
  if (!settled) return lookAgain(s.evidence, t);
  if (last.owned === s.numbers) return { kind: 'owned_without_order' };
  if (refusedForNumbers(s.evidence.because) && last.owned === most) return { kind: 'refused', windowOver: true };
  if (most > 0) {
    const seen =
      last.owned > 0 ? `${last.owned} of ${s.numbers} numbers are ours` : `${most} numbers showed as ours and no longer do`;
    return { kind: 'contradiction', why: `${seen}, but no order carries the reference` };
  }
  return notSent(s.evidence);
}

/**
 * What became of a batch job whose reply was lost: a job of the same type over the same numbers, created since, is adopted.
 * Values are set, not added, so an update may go out again after the window; a deletion is checked by ownership and the list
 * first, and what is gone by then counts as released by this request.
 */
export function decideJob(evidence: Evidence, since: Date, now: Date, t: Timings): SubmissionDecision {
  const last = evidence.looks.at(-1);
  if (last === undefined) return { kind: 'look_again', delayMs: t.lookMinMs };
  // Several identical jobs do the same thing to the same numbers: following the newest is right.
  const [newest] = last.found;
  if (newest !== undefined) return { kind: 'adopt', telnyxId: newest };
  if (now.getTime() - since.getTime() < t.settleMs || evidence.looks.length < 3) return lookAgain(evidence, t);
  return notSent(evidence);
}

function notSent(evidence: Evidence): SubmissionDecision {
  if ((evidence.resent ?? 0) >= MAX_RESENDS) {
    return { kind: 'contradiction', why: `the reply was lost ${MAX_RESENDS + 1} times and nothing was ever found at Telnyx` };
  }
  return { kind: 'not_sent' };
}

function lookAgain(evidence: Evidence, t: Timings): SubmissionDecision {
  return { kind: 'look_again', delayMs: backoff(evidence.looks.length - 1, t.lookMinMs, t.lookMaxMs) };
}

/** `min` doubled `times` times, at most `max`. */
export function backoff(times: number, min: number, max: number): number {
  return Math.min(max, min * 2 ** Math.min(Math.max(0, times), 20));
}
