/**
 * What a processor says when it returns. Only `processors/run-job.ts` translates it into BullMQ's language.
 * - `snooze`: give the worker (and the slot) back, run again after `delayMs`.
 * - `hold`: keep the slot, run again after `delayMs`: for work that occupies something at Telnyx while it waits.
 */
export type Outcome =
  | { kind: 'done' }
  | { kind: 'snooze'; delayMs: number; reason: string }
  | { kind: 'hold'; delayMs: number; reason: string }
  | { kind: 'skipped'; reason: string }
  | { kind: 'failed'; reason: string };

export const done: Outcome = { kind: 'done' };
export const snooze = (delayMs: number, reason: string): Outcome => ({ kind: 'snooze', delayMs, reason });
export const hold = (delayMs: number, reason: string): Outcome => ({ kind: 'hold', delayMs, reason });
export const skipped = (reason: string): Outcome => ({ kind: 'skipped', reason });
export const failed = (reason: string): Outcome => ({ kind: 'failed', reason });
