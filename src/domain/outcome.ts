/**
 * What a processor says when it returns. Only `processors/run-job.ts` translates it into BullMQ's language. People read it on the
 * dashboard and in the metrics.
 * - `done`: this run did the work that was to do, whatever came of it; `reason` says what, when there is something to say.
 * - `skipped`: there was nothing to do: it is done already, somebody else does it, or it is not wanted any more.
 * - `failed`: the work itself is given up for good; the queue does not try again.
 * - `snooze`: give the worker (and the slot) back, run again after `delayMs`.
 * - `hold`: keep the slot, run again after `delayMs`: for work that occupies something at Telnyx while it waits.
 */
export type Outcome =
  | { kind: 'done'; reason?: string }
  | { kind: 'snooze'; delayMs: number; reason: string }
  | { kind: 'hold'; delayMs: number; reason: string }
  | { kind: 'skipped'; reason: string }
  | { kind: 'failed'; reason: string };

export const done = (reason?: string): Outcome => (reason === undefined ? { kind: 'done' } : { kind: 'done', reason });
export const snooze = (delayMs: number, reason: string): Outcome => ({ kind: 'snooze', delayMs, reason });
export const hold = (delayMs: number, reason: string): Outcome => ({ kind: 'hold', delayMs, reason });
export const skipped = (reason: string): Outcome => ({ kind: 'skipped', reason });
export const failed = (reason: string): Outcome => ({ kind: 'failed', reason });
