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

/** Each lock is renewed this many times within its length, so a few slow answers of the store do not lose it. */
const RENEWALS_A_LOCK = 4;
const STOPPING = new Error('the process is stopping');
const LOST = new Error('the queue no longer knows that we hold this job');

/**
 * Renews the lock of each run by itself. BullMQ's own renewal tracks job ids, and a run that has put its job back forgets the id
 * a moment later. A job that comes back at once (a snooze of 0 ms, a webhook that wakes it) is taken up by another run of the
 * same worker before that moment. Then nobody renewed its lock, and the job of a live worker counted as lost.
 */
export function holdJobs({ lockMs, log }: { lockMs: number; log: Log }): HeldJobs {
  const runs = new Set<HeldRun>();
  const waiting: (() => void)[] = [];
  let stopping = false;
  const timer = setInterval(() => {
    for (const run of runs) void renew(run);
  }, lockMs / RENEWALS_A_LOCK);

  const renew = async (run: HeldRun): Promise<void> => {
    if (run.renewing || run.stop.signal.reason === LOST) return;
    run.renewing = true;
    try {
      // The queue was flushed, or gave the job to another worker. The run here must stop, or the job would run twice.
      if ((await run.job.extendLock(run.token, lockMs)) !== 1) run.stop.abort(LOST);
    } catch (error) {
      log.debug({ err: error, jobId: run.job.id ?? '' }, 'a lock was not renewed; it is tried again soon');
    } finally {
      run.renewing = false;
    }
  };

  return {
    ids: () => [...runs].map(({ job }) => job.id ?? ''),
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
