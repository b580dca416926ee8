import type { Outcome } from '../domain/outcome.ts';
import type { Log } from '../observability/log.ts';
import type { JobName, PayloadOf } from '../queues/catalogue.ts';

/** What a handler is told about its run, beside the payload. */
export interface JobContext {
  /** Carries the ids of the job and of what it works on. */
  log: Log;
  /** Fires when the process is to stop, or when the queue has given the job to another worker: end soon. */
  signal: AbortSignal;
  /** 1 at the first try. Only unexpected errors use up tries; snoozes and holds do not. */
  attempt: number;
  lastAttempt: boolean;
}

/** One job's work. Must be safe to run twice, also at the same time: the rows decide, not the queue. */
export type Handler<N extends JobName> = (payload: PayloadOf<N>, ctx: JobContext) => Promise<Outcome>;

/** The table of contents of the product: every job of the catalogue has its handler. */
export type Handlers = { [N in JobName]: Handler<N> };
