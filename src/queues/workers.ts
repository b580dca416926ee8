import { setTimeout as sleep } from 'node:timers/promises';
import type { Job, Worker } from 'bullmq';
import { endsWithin } from '../domain/deadline.ts';
import type { Log } from '../observability/log.ts';
import type { QueueBackend } from './backend.ts';
import { QUEUE_NAMES, type QueueName, RETENTION } from './catalogue.ts';
import { type HeldJobs, holdJobs } from './held-jobs.ts';
import { repeatStrategy } from './next-run.ts';

/** Runs a queue job. `token` proves to the store that this process holds it. `signal` fires when the process must stop. */
export type ProcessJob = (job: Job, token: string, signal: AbortSignal) => Promise<unknown>;

export interface WorkersOptions {
  /** Jobs of a queue that run in this process at once. */
  concurrency: Record<QueueName, number>;
  log: Log;
  /** Only for tests: how soon another worker takes over the job of a dead one. */
  lockMs?: number;
  stalledMs?: number;
}

export interface Workers {
  /** Jobs taken up since the start, per queue. */
  processed(): Record<QueueName, number>;
  /** Ids of the jobs that run now. */
  running(): string[];
  /**
   * Tells the handlers to stop and waits for them at most `deadlineMs`. Another process takes over what still runs then. When no
   * handler runs any more, the store gets only a few seconds. Says whether all ended in time. Safe to call twice.
   */
  close(options: { deadlineMs: number }): Promise<boolean>;
}

const LOCK_MS = 15_000;
const STALLED_MS = 5_000;
/** The row counts the tries of a chunk. The queue must not give up a job because workers were lost. */
const STALLS_ALLOWED = 1_000_000;
/** Seconds of one blocking read while nothing waits. It is small, so a lost wake-up costs little. */
const DRAIN_SECONDS = 2;
/** After a failed read (Redis or Postgres away) a worker tries again this soon; BullMQ's own default is 15 s. */
const RETRY_MS = 1_000;
/** A worker that meets a rate limit, which only a person can have set, tries again this soon; BullMQ's own default is 30 s. */
const LIMITED_MS = 2_000;
/**
 * When no handler runs any more, the store has this long to take the last answers. A store that hangs would use up the deadline.
 */
const IDLE_CLOSE_MS = 5_000;

/** Starts one worker for each queue. `process` gets every queue job; see `processors/run-job.ts`. */
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
  const opened = new Map<string, Worker>();
  const held = holdJobs({
    lockMs,
    log: options.log,
    extend: async (queue, ids, tokens) => (await opened.get(queue)?.extendJobLocks(ids, tokens, lockMs)) ?? [],
  });
  const workers = QUEUE_NAMES.map((name) => {
    const run = (job: Job, token = ''): Promise<unknown> => {
      counts[name] += 1;
      return held.during(job, token, (signal) => process(job, token, signal));
    };
    const worker = startOne(backend, name, run, { ...options, lockMs });
    opened.set(name, worker);
    return worker;
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
    // `holdJobs` renews the locks.
    skipLockRenewal: true,
    stalledInterval: stalledMs ?? STALLED_MS,
    maxStalledCount: STALLS_ALLOWED,
    drainDelay: DRAIN_SECONDS,
    runRetryDelay: RETRY_MS,
    maximumRateLimitDelay: LIMITED_MS,
    settings: { repeatStrategy },
    // Here and not in each job, where it would be stored each time.
    removeOnComplete: RETENTION.completed,
    removeOnFail: RETENTION.failed,
  });
  worker.on('error', (error) =>
    log.warn({ err: error, queue: name, backend: 'worker' }, 'the worker reports an error; it goes on by itself'),
  );
  worker.on('stalled', (jobId) => log.warn({ queue: name, jobId }, 'a job of a lost worker is run again'));
  return worker;
}

/**
 * BullMQ's `close()` does not return while Redis is down, and neither does a forced one after it. So it gets a limited time, and
 * `backend.close()` ends what is still open. `worker.disconnect()` is not used, because it ends the connection that all workers
 * share.
 */
async function closeAll(workers: Worker[], held: HeldJobs, deadlineMs: number): Promise<boolean> {
  const closed = Promise.allSettled(workers.map((worker) => worker.close())).then(() => true);
  // The worker stops taking jobs before the abort. Otherwise it could take up again a job that has just snoozed.
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
  // A job that still runs must stop renewing its lock, or no other worker could ever take it over.
  held.letGo();
  return clean;
}
