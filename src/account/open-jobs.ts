import { backoff } from '../domain/clock.ts';
import { asError, ProvisioningError } from '../domain/errors.ts';
import { bestCheck, jobDuration, nextCheck, recentJobs } from '../domain/job-checks.ts';
import type { Timings } from '../domain/timings.ts';
import type { Log } from '../observability/log.ts';
import type { Job, TelnyxGateway } from '../telnyx/gateway.ts';

/** A batch job of ours that is open at Telnyx. */
export interface OpenJob {
  id: string;
  /** The kind of its chunk, and how many numbers it carries: jobs that are alike take about as long. */
  kind: string;
  numbers: number;
  sentAt: Date;
  /** How often it was polled. */
  polls: number;
}

/** When to fetch a job. */
export interface NextFetch {
  /** At the latest after so many milliseconds. */
  delayMs: number;
  /** Resolves as soon as a fetch is worthwhile. */
  wake: Promise<void>;
}

/**
 * Notices finished batch jobs for all chunks of this process together: one list call tells which jobs are still open, and only the
 * others are fetched. A job that is the only one is fetched without the list. It only decides when a job is fetched. What became
 * of a job is always read from the job itself, so a list that lags costs time and nothing else.
 */
export interface OpenJobs {
  /** Waits for a job. Call it again when a fetch showed that the job is still open. */
  wait(job: OpenJob): NextFetch;
  /** Notes what Telnyx said of a job when it was accepted: its estimated end. */
  accepted(job: Pick<Job, 'id' | 'createdAt' | 'etc'>): void;
  /** Stops waiting for a job, and learns from a finished one how long such jobs take. */
  ended(job: OpenJob, shown: Job | null): void;
  /** When the jobs of this process are expected to end, in milliseconds since 1970, earliest first. */
  expectedEnds(): number[];
  close(): void;
}

interface Waiting {
  job: OpenJob;
  expectedAt: number;
  dueAt: number;
  /** How often a check found the job open. */
  checks: number;
  /** When a fetch was called worthwhile; `null` before. */
  wokenAt: number | null;
  wake: () => void;
}

export interface OpenJobsDeps {
  telnyx: Pick<TelnyxGateway, 'listOpenJobs'>;
  timings: Pick<Timings, 'listEveryMs' | 'pollMinMs' | 'pollMaxMs' | 'backoffMs'>;
  log: Log;
}

/** How many estimates of jobs are kept at most, because nobody may ever wait for some of them. */
const MOST_ESTIMATES = 1_000;

/** A timer may fire this early, in milliseconds. */
const EARLY_MS = 2;

/** A job is fetched without a word of the list after this many of the shortest polls, because a list may lag or leave a job out. */
const SAFETY_POLLS = 5;

/** Times here are those of the machine and not of `Clock`, because they drive timers. */
export function watchOpenJobs({ telnyx, timings, log }: OpenJobsDeps): OpenJobs {
  const waiting = new Map<string, Waiting>();
  const estimates = new Map<string, number>();
  const recent = recentJobs();
  let listedAt = 0;
  let timer: NodeJS.Timeout | undefined;
  let listing = false;
  let closed = false;

  const asleep = (): Waiting[] => [...waiting.values()].filter(({ wokenAt }) => wokenAt === null);

  const wakeUp = (one: Waiting): void => {
    one.wokenAt ??= Date.now();
    one.wake();
  };

  /** Another process may have fetched a job, and then nobody here waits for it again. */
  const forgetLost = (): void => {
    const longAgo = Date.now() - timings.pollMaxMs;
    for (const [id, { wokenAt }] of waiting) if (wokenAt !== null && wokenAt < longAgo) waiting.delete(id);
  };

  const schedule = (): void => {
    clearTimeout(timer);
    const dues = asleep().map(({ dueAt }) => dueAt);
    if (listing || closed || dues.length === 0) return;
    const now = Date.now();
    const at = bestCheck(dues, Math.max(now, listedAt + timings.listEveryMs), timings.listEveryMs);
    timer = setTimeout(() => void list(), at - now);
    timer.unref();
  };

  const list = async (): Promise<void> => {
    listing = true;
    listedAt = Date.now();
    const asked = asleep();
    const [only] = asked;
    try {
      // A fetch of the only job costs no more than the list, and tells more.
      if (only !== undefined && asked.length === 1) return wakeUp(only);
      const open = await telnyx.listOpenJobs();
      for (const one of asked) judge(one, open.has(one.job.id));
    } catch (error) {
      putOff(asked, error);
    } finally {
      listing = false;
      schedule();
    }
  };

  const judge = (one: Waiting, isOpen: boolean): void => {
    const isDue = one.dueAt <= listedAt + EARLY_MS;
    // A fetch has shown that this job is open although the list lacks it: the list lags, and says nothing before the next check.
    if (!isOpen && (isDue || one.checks === 0)) wakeUp(one);
    else if (isDue) setBack(one);
  };

  const setBack = (one: Waiting): void => {
    one.checks += 1;
    one.dueAt = nextCheck(Date.now(), one.job.sentAt.getTime(), timings.listEveryMs, timings.pollMaxMs);
  };

  /** A list that Telnyx refuses must not hide the ends of jobs: each job that is due is then fetched by itself. */
  const putOff = (asked: Waiting[], error: unknown): void => {
    const later = error instanceof ProvisioningError && error.disposition === 'retry';
    log.debug({ err: asError(error) }, 'the list of batch jobs was not read');
    const due = asked.filter(({ dueAt }) => dueAt <= listedAt + EARLY_MS);
    for (const one of due) {
      if (later) one.dueAt = Date.now() + (error.retryAfterMs ?? timings.backoffMs);
      else wakeUp(one);
    }
  };

  return {
    wait: (job) => {
      forgetLost();
      const before = waiting.get(job.id);
      const sentAt = job.sentAt.getTime();
      const expectedAt =
        before?.expectedAt ?? sentAt + recent.expected(job.kind, job.numbers, estimates.get(job.id) ?? null, timings);
      const one: Waiting = {
        job,
        expectedAt,
        dueAt: expectedAt,
        checks: before?.checks ?? 0,
        wokenAt: null,
        wake: () => undefined,
      };
      const wake = new Promise<void>((resolve) => {
        one.wake = resolve;
      });
      if (before !== undefined) {
        one.checks += 1;
        one.dueAt = nextCheck(Date.now(), sentAt, timings.listEveryMs, timings.pollMaxMs);
      }
      waiting.set(job.id, one);
      schedule();
      const inMs = one.dueAt - Date.now() + timings.pollMinMs;
      return { delayMs: Math.min(timings.pollMaxMs, Math.max(SAFETY_POLLS * timings.pollMinMs, inMs)), wake };
    },
    accepted: ({ id, createdAt, etc }) => {
      const ms = Date.parse(etc ?? '') - Date.parse(createdAt ?? '');
      if (!(ms >= 0)) return;
      estimates.set(id, ms);
      const [oldest] = estimates.keys();
      if (estimates.size > MOST_ESTIMATES && oldest !== undefined) estimates.delete(oldest);
    },
    ended: (job, shown) => {
      waiting.delete(job.id);
      estimates.delete(job.id);
      if (shown !== null) recent.note(job.kind, job.numbers, jobDuration(shown) ?? Date.now() - job.sentAt.getTime());
    },
    expectedEnds: () => {
      forgetLost();
      return [...waiting.values()].map(({ expectedAt }) => expectedAt).sort((a, b) => a - b);
    },
    close: () => {
      closed = true;
      clearTimeout(timer);
    },
  };
}

/** For a process that shares no list: each job is fetched by itself, after growing waits. The random walk uses it, because it has no timers. */
export function pollEachJob({ pollMinMs, pollMaxMs }: Pick<Timings, 'pollMinMs' | 'pollMaxMs'>): OpenJobs {
  const never = new Promise<void>(() => undefined);
  return {
    wait: ({ polls }) => ({ delayMs: backoff(polls, pollMinMs, pollMaxMs), wake: never }),
    accepted: () => undefined,
    ended: () => undefined,
    expectedEnds: () => [],
    close: () => undefined,
  };
}
