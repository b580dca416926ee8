import type { Job } from 'bullmq';
import type { Log } from '../observability/log.ts';

/** One run of a queue job in this process. Its token proves to the store that this run holds the job. */
interface HeldRun {
  job: Job;
  token: string;
  stop: AbortController;
  renewing: boolean;
}

/** The queue jobs that run in this process. It renews their locks and tells their handlers to stop. */
export interface HeldJobs {
  /** Ids of the jobs that run now. */
  ids(): string[];
  /** Runs `work` and holds the job for it until it has ended. */
  during<T>(job: Job, token: string, work: (signal: AbortSignal) => Promise<T>): Promise<T>;
  /** Resolves as soon as nothing runs. */
  idle(): Promise<void>;
  /** Tells every run, also those that begin later, to stop. */
  stopAll(): void;
  /** Stops renewing. Another worker takes over a job that still runs when its lock has run out. */
  letGo(): void;
}

export interface HeldJobsOptions {
  lockMs: number;
  log: Log;
  /** Renews the locks of some jobs of one queue, each by its token. Returns the ids of those that nobody holds by that token. */
  extend(queue: string, ids: string[], tokens: string[]): Promise<string[]>;
}

/** Each lock is renewed this many times within its length, so a few slow answers of the store do not lose it. */
const RENEWALS_A_LOCK = 4;
const STOPPING = new Error('the process is stopping');
const LOST = new Error('the queue no longer knows that we hold this job');

/**
 * Renews the locks of all runs of a queue in one command. BullMQ's own renewal tracks job ids, and a run that has put its job back forgets the id
 * a moment later. A job that comes back at once (a snooze of 0 ms, a webhook that wakes it) is taken up by another run of the
 * same worker before that moment. Then nobody renewed its lock, and the job of a live worker counted as lost.
 */
export function holdJobs({ lockMs, log, extend }: HeldJobsOptions): HeldJobs {
  const runs = new Set<HeldRun>();
  const waiting: (() => void)[] = [];
  let stopping = false;
  const timer = setInterval(() => {
    const due = [...runs].filter(({ renewing, stop }) => !renewing && stop.signal.reason !== LOST);
    for (const batch of batchesOf(due)) void renew(batch);
  }, lockMs / RENEWALS_A_LOCK);

  const renew = async ({ queue, runs: batch }: Batch): Promise<void> => {
    for (const run of batch) run.renewing = true;
    try {
      const lost = new Set(
        await extend(
          queue,
          batch.map(idOf),
          batch.map(({ token }) => token),
        ),
      );
      // The queue was flushed, or gave the job to another worker. The run here must stop, or the job would run twice.
      for (const run of batch) if (lost.has(idOf(run))) run.stop.abort(LOST);
    } catch (error) {
      log.debug({ err: error, queue, jobs: batch.length }, 'locks were not renewed; they are tried again soon');
    } finally {
      for (const run of batch) run.renewing = false;
    }
  };

  return {
    ids: () => [...runs].map(idOf),
    during: async (job, token, work) => {
      const run: HeldRun = { job, token, stop: new AbortController(), renewing: false };
      runs.add(run);
      if (stopping) run.stop.abort(STOPPING);
      try {
        return await work(run.stop.signal);
      } finally {
        runs.delete(run);
        if (runs.size === 0) for (const resolve of waiting.splice(0)) resolve();
      }
    },
    idle: () => new Promise((resolve) => (runs.size === 0 ? resolve() : waiting.push(resolve))),
    stopAll: () => {
      stopping = true;
      for (const run of runs) run.stop.abort(STOPPING);
    },
    letGo: () => clearInterval(timer),
  };
}

/** Runs of one queue whose jobs are all different. */
interface Batch {
  queue: string;
  runs: HeldRun[];
}

const idOf = ({ job }: HeldRun): string => job.id ?? '';

/** A job that came back at once may have two runs for a moment. They go into different batches, because an answer names ids only. */
function batchesOf(runs: readonly HeldRun[]): Iterable<Batch> {
  const batches = new Map<string, Batch>();
  const seen = new Map<string, number>();
  for (const run of runs) {
    const queue = run.job.queueName;
    const before = seen.get(`${queue} ${idOf(run)}`) ?? 0;
    seen.set(`${queue} ${idOf(run)}`, before + 1);
    const batch = batches.get(`${queue} ${before}`) ?? { queue, runs: [] };
    batch.runs.push(run);
    batches.set(`${queue} ${before}`, batch);
  }
  return batches.values();
}
