/** The last state that was read of a queue, and since when nobody has consumed from it although work waited. */
export interface Consumption {
  /** Jobs taken up since the process started; any counter that only rises. */
  processed: number;
  waiting: number;
  active: number;
  /** When the present standstill was first seen, in milliseconds since the epoch; `null` when there is none. */
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
 * Says whether the queue is consumed. It is stuck when queue jobs have waited for `stuckAfterMs` while none was taken up and none
 * was running. A running queue job counts as life, because held batch jobs may occupy all slots for many minutes.
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

/** The text to show wherever something waits for a worker and no worker lives. */
export const NO_WORKER = 'no worker runs; start one with `provisioner worker` or `provisioner up`';

/** What the rows and the queue say about the whole product. */
export interface WorkSeen {
  overdue: boolean;
  movedAt: Date | null;
  sweptAt: Date | null;
  queueAnswers: boolean;
  /** Since when a worker lives; `null` when none does. */
  workersSince: Date | null;
}

/**
 * Says why work stands still for lack of a worker or a queue, or `null`. It judges by the rows, because a flushed queue is empty
 * and the queue jobs of dead workers count as running. Work may wait although a worker lives and the queue answers: for a pause
 * that Telnyx asked for, for a job slot, for paperwork. A new worker gets time, because the work waited before it started.
 */
export function whyStandstill(seen: WorkSeen, now: number, stuckAfterMs: number = STUCK_AFTER_MS): string | null {
  const isLongAgo = (at: Date | null): boolean => at === null || now - at.getTime() >= stuckAfterMs;
  if (!seen.overdue || !isLongAgo(seen.movedAt)) return null;
  if (seen.workersSince !== null && !isLongAgo(seen.workersSince)) return null;
  if (!seen.queueAnswers) return 'work waits and the queue does not answer';
  if (seen.workersSince === null) return `work waits and ${NO_WORKER}`;
  return isLongAgo(seen.sweptAt) ? 'work waits and no worker looks for it: the sweep stands still' : null;
}
