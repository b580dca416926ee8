import { setTimeout as sleep } from 'node:timers/promises';
import type { Job, Worker } from 'bullmq';
import { endsWithin } from '../domain/deadline.ts';
import type { Log } from '../observability/log.ts';
import type { QueueBackend } from './backend.ts';
import { QUEUE_NAMES, type QueueName } from './catalogue.ts';
import { type HeldJobs, holdJobs } from './held-jobs.ts';
import { repeatStrategy } from './next-run.ts';

/** What runs a job. `token` proves to the store that we hold it; `signal` fires when the process is to stop. */
export type ProcessJob = (job: Job, token: string, signal: AbortSignal) => Promise<unknown>;

export interface WorkersOptions {
  /** Jobs of a queue that run in this process at once. */
  concurrency: Record<QueueName, number>;
  log: Log;
  /** Only for tests: how fast a dead worker's job is taken over. */
  lockMs?: number;
  stalledMs?: number;
}

export interface Workers {
  /** Jobs taken up since the start, per queue. */
  processed(): Record<QueueName, number>;
  /** Ids of the jobs that run now. */
  running(): string[];
  /**
   * Tells the handlers to stop, waits for them at most `deadlineMs`, and then leaves whatever is left to be taken over by
   * another process. When no handler runs any more, the store gets a few seconds only. Says whether all ended in time. Safe to call twice.
   */
  close(options: { deadlineMs: number }): Promise<boolean>;
}

const LOCK_MS = 15_000;
const STALLED_MS = 5_000;
/** The row knows how often a chunk was tried. Losing workers is no reason for the queue to give a job up. */
const STALLS_ALLOWED = 1_000_000;
/** Seconds of one blocking read while nothing waits. Small, so that a lost wake-up costs little. */
const DRAIN_SECONDS = 2;
/** After a failed read (Redis or Postgres away) a worker tries again this soon; BullMQ's own default is 15 s. */
const RETRY_MS = 1_000;
/** A worker that meets a rate limit, which only a hand can have set, looks again this soon; BullMQ's own default is 30 s. */
const LIMITED_MS = 2_000;
/** When no handler runs any more, the store has this long to take the last answers. One that hangs would use up the deadline. */
const IDLE_CLOSE_MS = 5_000;

/** Starts one worker for each queue. `process` is given every job; see `processors/run-job.ts`. */
export function startWorkers(backend: QueueBackend, process: ProcessJob, options: WorkersOptions): Workers {
  const lockMs = options.lockMs ?? LOCK_MS;
  const counts: Record<QueueName, number> = {
    buy: 0,
    'batch-jobs': 0,
    emergency: 0,
    messaging: 0,
    reconcile: 0,
    webhooks: 0,
    maintenance: 0,
  };
  const held = holdJobs({ lockMs, log: options.log });
  const workers = QUEUE_NAMES.map((name) => {
    const run = (job: Job, token = ''): Promise<unknown> => {
      counts[name] += 1;
      return held.during(job, token, (signal) => process(job, token, signal));
    };
    return startOne(backend, name, run, { ...options, lockMs });
  });
  let closing: Promise<boolean> | undefined;
  return {
    processed: () => ({ ...counts }),
    running: () => held.ids(),
    close: ({ deadlineMs }) => {
      closing ??= closeAll(workers, held, deadlineMs);
      return closing;
    },
  };
}

function startOne(
  backend: QueueBackend,
  name: QueueName,
  run: (job: Job, token?: string) => Promise<unknown>,
  { concurrency, lockMs, stalledMs, log }: WorkersOptions & { lockMs: number },
): Worker {
  const worker = backend.openWorker(name, run, {
    concurrency: concurrency[name],
    lockDuration: lockMs,
    // Locks are renewed by `holdJobs`, run by run.
    skipLockRenewal: true,
    stalledInterval: stalledMs ?? STALLED_MS,
    maxStalledCount: STALLS_ALLOWED,
    drainDelay: DRAIN_SECONDS,
    runRetryDelay: RETRY_MS,
    maximumRateLimitDelay: LIMITED_MS,
    settings: { repeatStrategy },
  });
  worker.on('error', (error) =>
    log.warn({ err: error, queue: name, backend: 'worker' }, 'the worker reports an error; it goes on by itself'),
  );
  worker.on('stalled', (jobId) => log.warn({ queue: name, jobId }, 'a job of a lost worker is run again'));
  return worker;
}

/**
 * BullMQ's `close()` does not return while Redis is down, nor does a forced one after it. So it is given a time; what it
 * leaves open is ended by `backend.close()`. Not by `worker.disconnect()`: that ends the connection that all share.
 */
async function closeAll(workers: Worker[], held: HeldJobs, deadlineMs: number): Promise<boolean> {
  const closed = Promise.allSettled(workers.map((worker) => worker.close())).then(() => true);
  // First no new jobs, then the abort: the other way round a job that snoozes could be taken up again by this very worker.
  await sleep(0);
  held.stopAll();
  const abandoned = held.idle().then(() => sleep(IDLE_CLOSE_MS, false, { ref: false }));
  let clean = false;
  await endsWithin(
    Promise.race([closed, abandoned]).then((ok) => {
      clean = ok;
    }),
    deadlineMs,
  );
  // What is left must stop renewing its lock, or no other worker could ever take it over.
  held.letGo();
  return clean;
}
