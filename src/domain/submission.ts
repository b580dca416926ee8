import type { Streaks } from './looks.ts';
import type { Timings } from './timings.ts';

/** One look after an unknown outcome. `found` are Telnyx ids that carry our reference or our exact number set. */
export interface Look {
  at: string;
  found: string[];
  /** How many of the chunk's numbers are ours by ownership look-up. */
  owned: number;
}

/** All that is known of a submission whose reply was lost; kept in the row, shown to the person who must decide. */
export interface Evidence {
  /** Why we do not know. */
  because: string;
  looks: Look[];
  /** Numbers that ownership showed as ours in the last look. */
  ownedNumbers?: string[];
  /** Times that all evidence said "not sent" and the same numbers went out again. */
  resent?: number;
  /** A person said that nothing was sent, against what the looks saw or could not see. */
  declared?: boolean;
  /** Before a batch is sent: numbers that ownership has not shown in any look of late, with their looks. */
  hidden?: Streaks;
  /** Before a batch is sent: numbers that the list does not show, or whose services are still being disabled. */
  notReady?: Streaks;
  conclusion?: string;
}

/** What stays known of earlier submissions of a chunk when the looks begin anew. */
export function carriedOver(evidence: Evidence | null): Pick<Evidence, 'resent' | 'declared'> {
  return {
    ...(evidence?.resent !== undefined && { resent: evidence.resent }),
    ...(evidence?.declared !== undefined && { declared: evidence.declared }),
  };
}

/** True when an earlier submission of the chunk may still take effect, although it was sent again. */
export function mayTakeEffectLate(evidence: Evidence | null): boolean {
  return (evidence?.resent ?? 0) > 0 || evidence?.declared === true;
}

export type SubmissionDecision =
  | { kind: 'adopt'; telnyxId: string }
  | { kind: 'owned_without_order' }
  | { kind: 'not_sent' }
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
 * What became of an order whose reply was lost. One order with our reference is adopted at once. "Not sent" is said only after
 * the settling window, when both sources, order list and ownership, said no in every look of at least three.
 */
export function decideOrder(s: OrderSubmission, t: Timings): SubmissionDecision {
  const last = s.evidence.looks.at(-1);
  if (last === undefined) return { kind: 'look_again', delayMs: t.lookMinMs };
  const [first, second] = last.found;
  if (second !== undefined)
    return { kind: 'contradiction', why: `${last.found.length} orders carry the reference of this chunk` };
  if (first !== undefined) return { kind: 'adopt', telnyxId: first };
  const settled = s.now.getTime() - s.since.getTime() >= t.settleMs && s.evidence.looks.length >= 3;
  if (!settled) return lookAgain(s.evidence, t);
  if (last.owned === s.numbers) return { kind: 'owned_without_order' };
  const most = Math.max(...s.evidence.looks.map((l) => l.owned));
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
