import type { E164 } from './phone-number.ts';
import type { Streaks } from './streaks.ts';
import type { Timings } from './timings.ts';

/** One check of the account while the outcome of a call is unknown, or after Telnyx's last word on it. */
export interface Check {
  /** When the check was made, as an ISO date. */
  at: string;
  /** Telnyx ids that carry our reference, or that are over exactly our numbers. */
  found: string[];
  /** How many of the chunk's numbers the account owns. */
  owned: number;
}

/** What a chunk knows of the calls before its own: its earlier calls, and those of the order that it was cut out of. */
export interface History {
  /** How often all evidence said "not sent" and the same numbers went out again. */
  resent?: number;
  /** A person declared that nothing was sent, against the checks or without any. */
  declared?: boolean;
  /** Until this moment an earlier call for these numbers may still take effect: a call of the order that this one was cut out of. */
  lateUntil?: string;
  /** These numbers were checked for a whole settling window after a refusal that left them in doubt. One window is enough. */
  windowed?: boolean;
  /** Telnyx did not recognize these numbers, a fresh search offered them, and they were ordered again. Once is enough. */
  rearmed?: boolean;
  /** The order was halved to find out whether its numbers or its settings are refused. */
  bisect?: {
    /** The chunk that was halved. */
    of: string;
    /** The code with which this half was refused too, while the other half was undecided. */
    refused?: string;
  };
}

/** What the checks of the present phase saw. A phase never reads what an earlier phase saw: it starts from nothing. */
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
      /** The numbers that Telnyx's refusal named as not to be had. */
      named?: E164[];
      /** The refusal concerns all numbers, so our own call may have taken them: only the whole window proves the contrary. */
      wholeWindow?: boolean;
      /** Numbers that ownership showed as ours in the last check. */
      ownedNumbers?: string[];
      /** Why a person must decide. */
      conclusion?: string;
    }
  | {
      phase: 'open';
      /** Order lines that Telnyx calls failed while others wait, and that ownership did not show. */
      failedLines?: Streaks;
    }
  | { phase: 'final'; checks: Check[] };

export type SeenIn<P extends Seen['phase']> = Extract<Seen, { phase: P }>;

/** All that is known of a call beside its row: kept in the row, and shown to the person who must decide. */
export interface Evidence {
  history: History;
  seen: Seen;
}

export const historyOf = (evidence: Evidence | null): History => evidence?.history ?? {};

/** The same history with what a phase saw. */
export const seeing = (evidence: Evidence | null, seen: Seen, more: History = {}): Evidence => ({
  history: { ...historyOf(evidence), ...more },
  seen,
});

/** What the phase `phase` saw so far, or `undefined` when the last checks belong to another phase. */
export function seenIn<P extends Seen['phase']>(evidence: Evidence | null, phase: P): SeenIn<P> | undefined {
  const seen = evidence?.seen;
  return seen !== undefined && isOf(seen, phase) ? seen : undefined;
}

function isOf<P extends Seen['phase']>(seen: Seen, phase: P): seen is SeenIn<P> {
  return seen.phase === phase;
}

/**
 * What a chunk inherits that is cut out of another at `at`. A resent or declared order may take effect late. Its parts remember
 * that for one settling window more, or each part would count as an order that was sent once.
 */
export function inherited(evidence: Evidence | null, at: Date, t: Pick<Timings, 'settleMs'>): History {
  const { resent, declared, ...history } = historyOf(evidence);
  const isLate = (resent ?? 0) > 0 || declared === true;
  return isLate ? { ...history, lateUntil: new Date(at.getTime() + t.settleMs).toISOString() } : history;
}

/** True when an earlier call for the chunk's numbers may still take effect at `now`, although they were sent again since. */
export function mayTakeEffectLate(evidence: Evidence | null, now: Date): boolean {
  const { resent = 0, declared, lateUntil } = historyOf(evidence);
  return resent > 0 || declared === true || (lateUntil !== undefined && now < new Date(lateUntil));
}
