import type { E164 } from './phone-number.ts';
import type { Streaks } from './streaks.ts';
import type { Timings } from './timings.ts';

/** One check of the account: while the outcome of a call is unknown, or after Telnyx finished the call. */
export interface Check {
  /** When the check was made, as an ISO date. */
  at: string;
  /** Ids of orders that carry our reference, or of batch jobs that carry exactly our numbers. */
  found: string[];
  /** How many numbers of the chunk the account owns. */
  owned: number;
}

/** What a chunk knows of earlier calls: its own, and those of the order that it was cut out of. */
export interface History {
  /** How often all evidence said "not sent", and the same numbers went out again. */
  resent?: number;
  /** A person declared that nothing was sent. */
  declared?: boolean;
  /** Until this moment, an earlier call of the order that this chunk was cut out of may still take effect. */
  lateUntil?: string;
  /** These numbers were checked for a whole settling window after a refusal that proved nothing. One window is enough. */
  windowed?: boolean;
  /** Telnyx did not recognize these numbers, a fresh search offered them, and they were ordered again. This is done once only. */
  rearmed?: boolean;
  /** The order was halved to find out whether its numbers or its settings are refused. */
  bisect?: {
    /** The chunk that was halved. */
    of: string;
    /** The code with which Telnyx refused this half too, while the other half was undecided. */
    refused?: string;
  };
}

/** What the checks of the present phase saw. Each phase starts without checks and never reads those of an earlier phase. */
export type Seen =
  | {
      phase: 'before_sending';
      /** Numbers that ownership has not shown in any recent check. */
      hidden?: Streaks;
      /** Numbers that the list does not show, or whose emergency services are still being disabled. */
      notReady?: Streaks;
    }
  | {
      phase: 'unknown';
      /** Why the outcome is unknown: the code of the failure. */
      because: string;
      checks: Check[];
      /** The numbers that Telnyx named in its refusal. */
      named?: E164[];
      /**
       * The refusal concerns all numbers, so our own call may have taken them. Only checks over the whole settling window can
       * disprove that.
       */
      wholeWindow?: boolean;
      /** Numbers that ownership showed as ours in the last check. */
      ownedNumbers?: string[];
      /** Why a person must decide. */
      conclusion?: string;
    }
  | {
      phase: 'open';
      /** Failed order lines of an open order whose numbers ownership did not show. */
      failedLines?: Streaks;
    }
  | { phase: 'final'; checks: Check[] };

/** What the checks of the phase `P` saw. */
export type SeenIn<P extends Seen['phase']> = Extract<Seen, { phase: P }>;

/** Everything that is known of a call beside its row. The row stores it, and the person who must decide sees it. */
export interface Evidence {
  history: History;
  seen: Seen;
}

/** The history; empty when there is no evidence. */
export const historyOf = (evidence: Evidence | null): History => evidence?.history ?? {};

/** Evidence with the same history, extended by `more`, and with what the present phase saw. */
export const seeing = (evidence: Evidence | null, seen: Seen, more: History = {}): Evidence => ({
  history: { ...historyOf(evidence), ...more },
  seen,
});

/** What the phase saw so far, or `undefined` when the stored checks belong to another phase. */
export function seenIn<P extends Seen['phase']>(evidence: Evidence | null, phase: P): SeenIn<P> | undefined {
  const seen = evidence?.seen;
  return seen !== undefined && isOf(seen, phase) ? seen : undefined;
}

function isOf<P extends Seen['phase']>(seen: Seen, phase: P): seen is SeenIn<P> {
  return seen.phase === phase;
}

/**
 * The history of a chunk that is cut out of another one at `at`. A resent or declared order may take effect late. Its parts
 * remember this for one more settling window; otherwise each part would count as an order that was sent once.
 */
export function inherited(evidence: Evidence | null, at: Date, t: Pick<Timings, 'settleMs'>): History {
  const { resent, declared, ...history } = historyOf(evidence);
  const isLate = (resent ?? 0) > 0 || declared === true;
  return isLate ? { ...history, lateUntil: new Date(at.getTime() + t.settleMs).toISOString() } : history;
}

/** True when an earlier call for the numbers of the chunk may still take effect at `now`, although they were sent again since. */
export function mayTakeEffectLate(evidence: Evidence | null, now: Date): boolean {
  const { resent = 0, declared, lateUntil } = historyOf(evidence);
  return resent > 0 || declared === true || (lateUntil !== undefined && now < new Date(lateUntil));
}
