/**
 * What a handler returns. Only `processors/run-job.ts` translates it into the exceptions of BullMQ. People read it on the dashboard
 * and in the metrics.
 * - `done`: the handler did its work, whatever the result was. `reason` tells the result.
 * - `skipped`: there was nothing to do: the work is done already, another worker does it, or nobody wants it any more.
 * - `failed`: the work is given up for good, and the queue does not try again.
 * - `snooze`: give the place in the queue back and come again after `delayMs` milliseconds.
 * - `hold`: keep the place in the queue and come again after `delayMs` milliseconds, or as soon as `wake` resolves. A call is open
 *   at Telnyx meanwhile, or the queue job waits for a job slot.
 */
export type Outcome =
  | { kind: 'done'; reason?: string }
  | { kind: 'snooze'; delayMs: number; reason: string }
  | { kind: 'hold'; delayMs: number; reason: string; wake?: Promise<unknown> }
  | { kind: 'skipped'; reason: string }
  | { kind: 'failed'; reason: string };

export const done = (reason?: string): Outcome => (reason === undefined ? { kind: 'done' } : { kind: 'done', reason });
export const snooze = (delayMs: number, reason: string): Outcome => ({ kind: 'snooze', delayMs, reason });
export const hold = (delayMs: number, reason: string, wake?: Promise<unknown>): Outcome => ({
  kind: 'hold',
  delayMs,
  reason,
  ...(wake !== undefined && { wake }),
});
export const skipped = (reason: string): Outcome => ({ kind: 'skipped', reason });
export const failed = (reason: string): Outcome => ({ kind: 'failed', reason });
