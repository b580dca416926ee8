import type { JobName, PayloadOf, QueueName } from './catalogue.ts';

/** One queue job to add. `id` must be unique for each run of the work, because BullMQ ignores an id that it still knows. */
export interface Enqueue<N extends JobName = JobName> {
  name: N;
  payload: PayloadOf<N>;
  id: string;
  /** Milliseconds from now; 0 or absent means at once. */
  delayMs?: number;
  priority?: number;
}

export type AnyEnqueue = { [N in JobName]: Enqueue<N> }[JobName];

/**
 * `missing`: the queue does not know it, also after a flush. `asleep`: it is delayed, and nobody has added it or taken it up for
 * a minute. `finished`: completed or failed.
 */
export type JobPresence = 'missing' | 'live' | 'asleep' | 'finished';

export interface QueueCounts {
  waiting: number;
  active: number;
  delayed: number;
  failed: number;
}

/** What the rest of the product may ask of the queue. The random-walk test implements it too. */
export interface JobQueue {
  add(jobs: AnyEnqueue[]): Promise<void>;
  presence(name: JobName, id: string): Promise<JobPresence>;
  /** Runs a delayed job now, when the queue has it. */
  wake(name: JobName, id: string): Promise<void>;
  counts(): Promise<Record<QueueName, QueueCounts>>;
}
