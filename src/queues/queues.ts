import type { BulkJobOptions, Job, Queue } from 'bullmq';
import { endsWithin } from '../domain/deadline.ts';
import { asError } from '../domain/errors.ts';
import type { Log } from '../observability/log.ts';
import type { QueueBackend } from './backend.ts';
import { CATALOGUE, EMERGENCY_AT_ONCE, type JobName, MESSAGING_AT_ONCE, QUEUE_NAMES, type QueueName } from './catalogue.ts';
import { queueAnswer } from './deadline.ts';
import { repeatStrategy } from './next-run.ts';
import type { AnyEnqueue, JobPresence, JobQueue, QueueCounts } from './port.ts';

/** A producer waits this long for the queue. The row is committed already, and the sweep adds a queue job that is missing. */
const COMMAND_MS = 5_000;
const CLOSE_MS = 2_000;
/** A queue job that ran within this time has chosen its own delay and does not count as asleep. */
const ASLEEP_MS = 60_000;
/** Jobs in one BullMQ transaction. More would block Redis for longer than a lock should wait. */
const BULK = 1_000;
/** Events of a queue that BullMQ keeps. Nobody reads them, and its default of 10,000 was a quarter of what a chunk took in Redis. */
const EVENTS_KEPT = 100;

/** A queue job that the queue starts by itself. `cron: null` removes it. */
export interface Schedule {
  name: 'reconcile.nightly' | 'maintenance.prune';
  cron: string | null;
  tz: string;
}

export interface Queues extends JobQueue {
  /**
   * Sets how many queue jobs may run at once, over all processes: `places` for updates and deletes, constants for the other kinds.
   * Removes every other limit of a queue, whoever set it.
   */
  setLimits(places: number): Promise<void>;
  /** Queues that somebody has paused. They give out no work until somebody resumes them. */
  paused(): Promise<QueueName[]>;
  /** Safe to repeat. It must be repeated, because a flushed Redis has lost its schedules. */
  upsertSchedules(schedules: readonly Schedule[]): Promise<void>;
  /** For the dashboard. */
  all(): Queue[];
  /** Returns within a bounded time, also when the store is away. Does not close the backend. */
  close(): Promise<void>;
}

export interface QueuesOptions {
  /** Only for tests: see `JobPresence`. */
  asleepMs?: number;
}

/** Opens all queues of the catalogue on a backend. Never waits for the store: the first command does. */
export function openQueues(backend: QueueBackend, log: Log, { asleepMs = ASLEEP_MS }: QueuesOptions = {}): Queues {
  const queues = new Map<QueueName, Queue>(QUEUE_NAMES.map((name) => [name, openOne(backend, name, log)]));
  const queueOf = (name: JobName): Queue => mustHave(queues, CATALOGUE[name].queue);
  let closing: Promise<void> | undefined;
  return {
    add: (jobs) => queueAnswer(addAll(jobs, queueOf), COMMAND_MS, 'adding jobs'),
    presence: (name, id) => queueAnswer(presenceOf(queueOf(name), id, asleepMs), COMMAND_MS, 'looking for a job'),
    wake: (name, id) => queueAnswer(wakeOne(queueOf(name), id), COMMAND_MS, 'waking a job'),
    counts: () => queueAnswer(countsOf(queues), COMMAND_MS, 'counting jobs'),
    setLimits: (places) => queueAnswer(setAllLimits(queues, places), COMMAND_MS, 'setting the limits of the queues'),
    paused: () => queueAnswer(pausedOf(queues), COMMAND_MS, 'looking for paused queues'),
    upsertSchedules: (schedules) => queueAnswer(upsertAll(schedules, queueOf), COMMAND_MS, 'setting schedules'),
    all: () => [...queues.values()],
    close: () => {
      closing ??= endsWithin(Promise.all([...queues.values()].map((queue) => queue.close())), CLOSE_MS).then(() => undefined);
      return closing;
    },
  };
}

function openOne(backend: QueueBackend, name: QueueName, log: Log): Queue {
  const queue = backend.openQueue(name, { settings: { repeatStrategy }, streams: { events: { maxLen: EVENTS_KEPT } } });
  // Without a listener an error of the connection would end the process.
  queue.on('error', (error) => log.debug({ err: error, queue: name, backend: 'queue' }, 'the queue reports an error'));
  return queue;
}

async function addAll(jobs: AnyEnqueue[], queueOf: (name: JobName) => Queue): Promise<void> {
  const byQueue = new Map<Queue, { name: string; data: unknown; opts: BulkJobOptions }[]>();
  for (const job of jobs) {
    const queue = queueOf(job.name);
    const list = byQueue.get(queue) ?? [];
    list.push({ name: job.name, data: job.payload, opts: optionsOf(job) });
    byQueue.set(queue, list);
  }
  for (const [queue, list] of byQueue) {
    for (let start = 0; start < list.length; start += BULK) await queue.addBulk(list.slice(start, start + BULK));
  }
}

function optionsOf(job: AnyEnqueue): BulkJobOptions {
  const spec = CATALOGUE[job.name];
  return {
    jobId: job.id,
    ...runOptions(spec),
    ...(job.delayMs === undefined || job.delayMs <= 0 ? {} : { delay: job.delayMs }),
    ...(job.priority === undefined ? {} : { priority: job.priority }),
  };
}

function runOptions(spec: (typeof CATALOGUE)[JobName]) {
  return {
    attempts: spec.attempts,
    backoff: { type: 'exponential', delay: spec.backoffMs, jitter: 0.3 },
  };
}

async function presenceOf(queue: Queue, id: string, asleepMs: number): Promise<JobPresence> {
  const state = await queue.getJobState(id);
  if (state === 'unknown') return 'missing';
  if (state === 'delayed') {
    const job: Job | undefined = await queue.getJob(id);
    if (job === undefined) return 'missing';
    return Date.now() - (job.processedOn ?? job.timestamp) > asleepMs ? 'asleep' : 'live';
  }
  return state === 'completed' || state === 'failed' ? 'finished' : 'live';
}

async function wakeOne(queue: Queue, id: string): Promise<void> {
  const job: Job | undefined = await queue.getJob(id);
  if (job === undefined) return;
  try {
    if (await job.isDelayed()) await job.promote();
  } catch (error) {
    // The job may have started, ended or been woken meanwhile. It is a failure only when the job still sleeps.
    if (await job.isDelayed()) throw asError(error);
  }
}

async function countsOf(queues: ReadonlyMap<QueueName, Queue>): Promise<Record<QueueName, QueueCounts>> {
  const entries = await Promise.all(
    [...queues].map(async ([name, queue]): Promise<[QueueName, QueueCounts]> => {
      const counts = await queue.getJobCounts('waiting', 'prioritized', 'active', 'delayed', 'failed');
      const of = (state: string): number => counts[state] ?? 0;
      return [
        name,
        { waiting: of('waiting') + of('prioritized'), active: of('active'), delayed: of('delayed'), failed: of('failed') },
      ];
    }),
  );
  return asTotal(entries);
}

async function setAllLimits(queues: ReadonlyMap<QueueName, Queue>, places: number): Promise<void> {
  const most: Partial<Record<QueueName, number>> = {
    'batch-jobs': places,
    emergency: EMERGENCY_AT_ONCE,
    messaging: MESSAGING_AT_ONCE,
  };
  const setOne = async ([name, queue]: [QueueName, Queue]): Promise<void> => {
    const atOnce = most[name];
    await (atOnce === undefined ? queue.removeGlobalConcurrency() : queue.setGlobalConcurrency(atOnce));
    if ((await queue.getGlobalRateLimit()) === null) return;
    await queue.removeGlobalRateLimit();
    // Without this, the wait that the limit has begun would continue to its end, perhaps for hours.
    await queue.removeRateLimitKey();
  };
  await Promise.all([...queues].map(setOne));
}

async function pausedOf(queues: ReadonlyMap<QueueName, Queue>): Promise<QueueName[]> {
  const found = await Promise.all([...queues].map(async ([name, queue]) => ((await queue.isPaused()) ? [name] : [])));
  return found.flat();
}

async function upsertAll(schedules: readonly Schedule[], queueOf: (name: JobName) => Queue): Promise<void> {
  for (const { name, cron, tz } of schedules) {
    const queue = queueOf(name);
    if (cron === null) await queue.removeJobScheduler(name);
    else await queue.upsertJobScheduler(name, { pattern: cron, tz }, { name, data: {}, opts: runOptions(CATALOGUE[name]) });
  }
}

function mustHave(queues: ReadonlyMap<QueueName, Queue>, name: QueueName): Queue {
  const queue = queues.get(name);
  if (queue === undefined) throw new Error(`the queue ${name} is not open`);
  return queue;
}

/** Guarantee: the entries come from a map that was filled with every name of QUEUE_NAMES. */
function asTotal(entries: [QueueName, QueueCounts][]): Record<QueueName, QueueCounts> {
  return Object.fromEntries(entries) as Record<QueueName, QueueCounts>;
}
