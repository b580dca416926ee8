import type { Outcome } from '../domain/outcome.ts';
import type { Log } from '../observability/log.ts';
import type { JobName, PayloadOf } from '../queues/catalogue.ts';

/** What a handler gets beside the payload of its queue job. */
export interface JobContext {
  /** Adds the ids of the queue job, and of the row that it works on, to every log line. */
  log: Log;
  /**
   * Fires when the process stops, or when the queue has given the queue job to another worker. The handler must then end soon.
   */
  signal: AbortSignal;
  /** 1 at the first attempt. Only an unexpected error uses up an attempt; a snooze or a hold does not. */
  attempt: number;
  /** True when the queue does not start this queue job again after an unexpected error. */
  lastAttempt: boolean;
}

/**
 * The work of one queue job. A handler must be safe to run twice, also twice at the same time: the rows decide what is done, not
 * the queue.
 */
export type Handler<N extends JobName> = (payload: PayloadOf<N>, ctx: JobContext) => Promise<Outcome>;

/** One handler for each queue job of the catalogue. */
export type Handlers = { [N in JobName]: Handler<N> };
