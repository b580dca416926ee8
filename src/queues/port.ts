import type { JobName, PayloadOf, QueueName } from './catalogue.ts';

/** One job to add. `id` must be unique per run of the work: an id that the queue still knows is ignored by BullMQ. */
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
 * `missing` also when the queue was flushed. `asleep`: it waits for a time of its own, and nobody has added it or taken it up for a
 * minute. `finished` covers completed and failed.
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
  /** Runs a delayed job now, if it is there. */
  wake(name: JobName, id: string): Promise<void>;
  counts(): Promise<Record<QueueName, QueueCounts>>;
}
