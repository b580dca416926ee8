/** What was seen of a queue last time, and since when nobody has consumed from it although work waited. */
export interface Consumption {
  /** Jobs taken up since the process started; any counter that only rises. */
  processed: number;
  waiting: number;
  active: number;
  /** Milliseconds since the epoch at which the present stand-still was first seen; `null` when there is none. */
  idleSince: number | null;
}

export interface Observed {
  processed: number;
  waiting: number;
  active: number;
}

export type Verdict = 'ok' | 'stuck';

export const STUCK_AFTER_MS = 60_000;

/**
 * Is this queue being consumed? It is stuck when jobs have waited for `stuckAfterMs` while none was taken up and none was
 * running. Running jobs count as life: a held batch job may rightly occupy all slots for many minutes.
 */
export function evaluateConsumption(
  previous: Consumption | null,
  counts: Observed,
  now: number,
  stuckAfterMs: number = STUCK_AFTER_MS,
): { verdict: Verdict; state: Consumption } {
  const moved = previous === null || counts.processed > previous.processed || counts.waiting < previous.waiting;
  const standing = counts.waiting > 0 && counts.active === 0;
  if (!standing) return { verdict: 'ok', state: { ...counts, idleSince: null } };
  const idleSince = moved ? now : (previous.idleSince ?? now);
  return { verdict: now - idleSince >= stuckAfterMs ? 'stuck' : 'ok', state: { ...counts, idleSince } };
}
