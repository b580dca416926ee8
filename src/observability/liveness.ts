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

/** The watchdog reads every five seconds, so it reports a standstill within a minute. */
export const STUCK_AFTER_MS = 45_000;

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

/** Said wherever something waits for a worker and none lives. */
export const NO_WORKER = 'no worker runs; start one with `provisioner worker` or `provisioner up`';

/** What the rows and the queue say of the whole product. */
export interface WorkSeen {
  overdue: boolean;
  movedAt: Date | null;
  sweptAt: Date | null;
  queueAnswers: boolean;
  /** Since when a worker lives; `null` when none does. */
  workersSince: Date | null;
}

/**
 * Does work stand still for the lack of a worker or a queue? Judged by the rows, because a flushed queue is empty and jobs of
 * dead workers count as running. Work that waits while a worker lives and the queue answers has its reasons: a pause that Telnyx
 * asked for, a full house, paperwork. A worker that has just come is given time: the work was waiting before it.
 */
export function whyStandstill(seen: WorkSeen, now: number, stuckAfterMs: number = STUCK_AFTER_MS): string | null {
  const isLongAgo = (at: Date | null): boolean => at === null || now - at.getTime() >= stuckAfterMs;
  if (!seen.overdue || !isLongAgo(seen.movedAt)) return null;
  if (seen.workersSince !== null && !isLongAgo(seen.workersSince)) return null;
  if (!seen.queueAnswers) return 'work waits and the queue does not answer';
  if (seen.workersSince === null) return `work waits and ${NO_WORKER}`;
  return isLongAgo(seen.sweptAt) ? 'work waits and no worker looks for it: the sweep stands still' : null;
}
