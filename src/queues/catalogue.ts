import { z } from 'zod';

/** Queues are named by what limits them. */
export const QUEUE_NAMES = ['buy', 'batch-jobs', 'emergency', 'messaging', 'reconcile', 'webhooks', 'maintenance'] as const;
export type QueueName = (typeof QUEUE_NAMES)[number];

/**
 * Emergency jobs that may be open at Telnyx at once, over all processes. Telnyx allows 500 in an account, apart from the 20 for
 * updates and deletes. The value is lower, because other users of the account need some and each open job is polled. With 1,000
 * numbers in a job it means 50,000 numbers under way.
 */
export const EMERGENCY_AT_ONCE = 50;

/**
 * Places in the queue of updates and deletes, over all processes: one for each job slot, and as many again for chunks that are prepared
 * ahead or settled afterwards. The rows of the chunks, not these places, limit how many jobs are open at Telnyx.
 */
export const placesFor = (slots: number): number => slots + Math.max(slots, 4);

/** Messaging updates that may be open at once, over all processes. Telnyx names no cap, but each one is polled. */
export const MESSAGING_AT_ONCE = 15;

interface JobSpec {
  queue: QueueName;
  /** Ids only. The row in Postgres is the truth, and the queue only delivers. */
  payload: z.ZodObject;
  /** Tries after an unexpected error. An expected wait is a snooze and uses no try. */
  attempts: number;
  backoffMs: number;
}

const chunkPayload = z.object({ chunkId: z.string(), requestId: z.string() });

/** Every queue job of the product. A name without a handler in `processors/handlers.ts` does not compile. */
export const CATALOGUE = {
  /** Searches, claims numbers and cuts chunks until a buy line is full or exhausted. */
  'line.fill': {
    queue: 'buy',
    payload: z.object({ lineId: z.string(), requestId: z.string() }),
    attempts: 5,
    backoffMs: 2_000,
  },
  /** Takes one order chunk one step on: submit, poll, or find out what became of it. */
  'order.run': { queue: 'buy', payload: chunkPayload, attempts: 5, backoffMs: 2_000 },
  /** Takes one update or delete chunk one step on; holds a job slot meanwhile. */
  'batch.run': { queue: 'batch-jobs', payload: chunkPayload, attempts: 5, backoffMs: 2_000 },
  /** Takes one emergency chunk one step on. */
  'emergency.run': { queue: 'emergency', payload: chunkPayload, attempts: 5, backoffMs: 2_000 },
  /** Takes one messaging chunk one step on. */
  'messaging.run': { queue: 'messaging', payload: chunkPayload, attempts: 5, backoffMs: 2_000 },
  /** Computes one stored plan, or files the request of a plan that is being applied. */
  'plan.run': { queue: 'buy', payload: z.object({ planId: z.string() }), attempts: 5, backoffMs: 2_000 },
  /** Walks the account for one reconciliation run. */
  'reconcile.run': { queue: 'reconcile', payload: z.object({ runId: z.string() }), attempts: 5, backoffMs: 5_000 },
  /** Starts the nightly run; added by a job scheduler. */
  'reconcile.nightly': { queue: 'reconcile', payload: z.object({}), attempts: 3, backoffMs: 60_000 },
  /** Wakes the poll of the order that a stored webhook names. */
  'webhook.apply': { queue: 'webhooks', payload: z.object({ eventId: z.string() }), attempts: 5, backoffMs: 1_000 },
  /** Removes old webhook events, waits and staging rows, and makes months of events; added by a job scheduler. */
  'maintenance.prune': { queue: 'maintenance', payload: z.object({}), attempts: 3, backoffMs: 60_000 },
} as const satisfies Record<string, JobSpec>;

export type JobName = keyof typeof CATALOGUE;
export type PayloadOf<N extends JobName> = z.infer<(typeof CATALOGUE)[N]['payload']>;

/** Finished jobs stay for the dashboard, bounded by age (seconds) and count per queue. */
export const RETENTION = {
  completed: { age: 24 * 3600, count: 1_000 },
  failed: { age: 7 * 24 * 3600, count: 1_000 },
} as const;
