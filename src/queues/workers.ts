import { setTimeout as sleep } from 'node:timers/promises';
import type { Job, Worker } from 'bullmq';
import type { Log } from '../observability/log.ts';
import type { QueueBackend } from './backend.ts';
import { QUEUE_NAMES, type QueueName } from './catalogue.ts';
import { endsWithin } from './deadline.ts';

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
   * another process. Says whether all ended in time. Safe to call twice.
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
const STOPPING = new Error('the process is stopping');

/** What runs in this process, and how to tell it to stop. */
interface Held {
  /** By job id: one signal a run. Not one signal for all, because a run whose lock was lost must stop alone. */
  stops: Map<string, AbortController>;
  counts: Record<QueueName, number>;
  stopping: boolean;
}

/** Starts one worker for each queue. `process` is given every job; see `processors/run-job.ts`. */
export function startWorkers(backend: QueueBackend, process: ProcessJob, options: WorkersOptions): Workers {
  const counts: Record<QueueName, number> = { buy: 0, 'batch-jobs': 0, reconcile: 0, webhooks: 0, maintenance: 0 };
  const held: Held = { stops: new Map(), counts, stopping: false };
  const workers = QUEUE_NAMES.map((name) => startOne(backend, name, runIn(held, name, process), held, options));
  let closing: Promise<boolean> | undefined;
  return {
    processed: () => ({ ...counts }),
    running: () => [...held.stops.keys()],
    close: ({ deadlineMs }) => {
      closing ??= closeAll(workers, held, deadlineMs);
      return closing;
    },
  };
}

function runIn(held: Held, queue: QueueName, process: ProcessJob) {
  return async (job: Job, token?: string): Promise<unknown> => {
    const id = job.id ?? '';
    const stop = new AbortController();
    held.counts[queue] += 1;
    held.stops.set(id, stop);
    if (held.stopping) stop.abort(STOPPING);
    try {
      return await process(job, token ?? '', stop.signal);
    } finally {
      if (held.stops.get(id) === stop) held.stops.delete(id);
    }
  };
}

function startOne(
  backend: QueueBackend,
  name: QueueName,
  run: (job: Job, token?: string) => Promise<unknown>,
  held: Held,
  options: WorkersOptions,
): Worker {
  const worker = backend.openWorker(name, run, {
    concurrency: options.concurrency[name],
    lockDuration: options.lockMs ?? LOCK_MS,
    stalledInterval: options.stalledMs ?? STALLED_MS,
    maxStalledCount: STALLS_ALLOWED,
    drainDelay: DRAIN_SECONDS,
    runRetryDelay: RETRY_MS,
  });
  const { log } = options;
  worker.on('error', (error) => log.warn({ err: error, queue: name }, 'the worker reports an error; it goes on by itself'));
  worker.on('stalled', (jobId) => log.warn({ queue: name, jobId }, 'a job of a lost worker is run again'));
  // The queue was flushed, or gave the job to another worker: whoever holds it here must let go, or it would run twice.
  worker.on('lockRenewalFailed', (jobIds) => {
    for (const jobId of jobIds) held.stops.get(jobId)?.abort(new Error('the queue no longer knows that we hold this job'));
  });
  return worker;
}

/**
 * BullMQ's `close()` does not return while Redis is down, nor does a forced one after it. So it is given a time; what it
 * leaves open is ended by `backend.close()`. Not by `worker.disconnect()`: that ends the connection that all share.
 */
async function closeAll(workers: Worker[], held: Held, deadlineMs: number): Promise<boolean> {
  const closed = Promise.allSettled(workers.map((worker) => worker.close()));
  // First no new jobs, then the abort: the other way round a job that snoozes could be taken up again by this very worker.
  await sleep(0);
  held.stopping = true;
  for (const stop of held.stops.values()) stop.abort(STOPPING);
  if (await endsWithin(closed, deadlineMs)) return true;
  // What is left must stop renewing its lock, or no other worker could ever take it over. BullMQ has no public way to say so.
  await Promise.all(workers.map((worker) => worker['lockManager'].close()));
  return false;
}
