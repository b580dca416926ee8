import { z } from 'zod';

/** Queues are named by what limits them. */
export const QUEUE_NAMES = ['buy', 'batch-jobs', 'emergency', 'messaging', 'reconcile', 'webhooks', 'maintenance'] as const;
export type QueueName = (typeof QUEUE_NAMES)[number];

/**
 * Emergency jobs that are held open at Telnyx at once, over all processes. Telnyx allows 500 an account and takes none of the 20
 * of updates and deletes for them; others on the account need some too, and each open one is polled. At 1,000 numbers a job this
 * is 50,000 numbers under way.
 */
export const EMERGENCY_AT_ONCE = 50;

/** Messaging updates that are open at once, over all processes. Telnyx names no cap; each is polled, at the rate of messaging. */
export const MESSAGING_AT_ONCE = 15;

interface JobSpec {
  queue: QueueName;
  /** Ids only: the row in Postgres is the truth, the queue just delivers. */
  payload: z.ZodObject;
  /** Tries after an unexpected error; expected waits are snoozes and use none. */
  attempts: number;
  backoffMs: number;
}

const chunkPayload = z.object({ chunkId: z.string(), requestId: z.string() });

/** Every job of the product. A name here without a handler in `processors/handlers.ts` does not compile. */
export const CATALOGUE = {
  /** Searches, claims numbers and cuts chunks until the line of a buy is full or exhausted. */
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
  /** Walks the account for one reconciliation run. */
  'reconcile.run': { queue: 'reconcile', payload: z.object({ runId: z.string() }), attempts: 5, backoffMs: 5_000 },
  /** Starts the nightly run; added by a job scheduler. */
  'reconcile.nightly': { queue: 'reconcile', payload: z.object({}), attempts: 3, backoffMs: 60_000 },
  /** Wakes the poll of the order that a stored webhook names. */
  'webhook.apply': { queue: 'webhooks', payload: z.object({ eventId: z.string() }), attempts: 5, backoffMs: 1_000 },
  /** Removes old webhook events and staging rows; added by a job scheduler. */
  'maintenance.prune': { queue: 'maintenance', payload: z.object({}), attempts: 3, backoffMs: 60_000 },
} as const satisfies Record<string, JobSpec>;

export type JobName = keyof typeof CATALOGUE;
export type PayloadOf<N extends JobName> = z.infer<(typeof CATALOGUE)[N]['payload']>;

/** Finished jobs stay for the dashboard, bounded by age (seconds) and count per queue. */
export const RETENTION = {
  completed: { age: 24 * 3600, count: 1_000 },
  failed: { age: 7 * 24 * 3600, count: 1_000 },
} as const;

/**
 * BullMQ priority of a chunk or line from its position in its request (0 first): 1 is the highest, so the first chunks of any
 * request go before the hundredth of another, and a small request does not wait for a large one.
 */
export function priorityOf(position: number): number {
  return Math.min(1 + Math.max(0, position), 2_000_000);
}
