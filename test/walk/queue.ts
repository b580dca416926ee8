import { CATALOGUE, QUEUE_NAMES, type QueueName } from '../../src/queues/catalogue.ts';
import type { AnyEnqueue, JobPresence, JobQueue, QueueCounts } from '../../src/queues/port.ts';

/** A job as a worker left it. `held` keeps its slot while it waits; `running` is with a worker now. */
export interface WalkJob {
  /** The order of arrival. A walk chooses by it, because ids differ in every walk. */
  n: number;
  what: AnyEnqueue;
  dueAt: number;
  state: 'waiting' | 'held' | 'running' | 'finished';
  attempts: number;
}

/** The queue of a walk. It is in memory, uses the clock of the walk, and runs nothing by itself. */
export class WalkQueue implements JobQueue {
  readonly #jobs = new Map<string, WalkJob>();
  readonly #now: () => number;
  readonly #slots: number;
  readonly #onJob: (what: AnyEnqueue) => void;
  #count = 0;

  constructor(now: () => number, slots: number, onJob: (what: AnyEnqueue) => void) {
    this.#now = now;
    this.#slots = slots;
    this.#onJob = onJob;
  }

  async add(jobs: AnyEnqueue[]): Promise<void> {
    // The database returns rows of the same due time in any order. Ids rise in the order in which they were made.
    for (const what of jobs.toSorted((a, b) => (a.id < b.id ? -1 : 1))) {
      if (this.#jobs.has(what.id)) continue;
      this.#onJob(what);
      this.#count += 1;
      this.#jobs.set(what.id, { n: this.#count, what, dueAt: this.#now() + (what.delayMs ?? 0), state: 'waiting', attempts: 0 });
    }
  }

  async presence(_name: string, id: string): Promise<JobPresence> {
    const job = this.#jobs.get(id);
    if (job === undefined) return 'missing';
    return job.state === 'finished' ? 'finished' : 'live';
  }

  async wake(_name: string, id: string): Promise<void> {
    const job = this.#jobs.get(id);
    if (job?.state === 'waiting') job.dueAt = Math.min(job.dueAt, this.#now());
  }

  async counts(): Promise<Record<QueueName, QueueCounts>> {
    const none = (): QueueCounts => ({ waiting: 0, active: 0, delayed: 0, failed: 0 });
    return Object.fromEntries(QUEUE_NAMES.map((name) => [name, none()])) as Record<QueueName, QueueCounts>;
  }

  /** Jobs that a worker could take now: due, and for batch jobs only with a free slot (a held one has its own). */
  due(): WalkJob[] {
    const isFree = this.#occupied() < this.#slots;
    return this.live().filter(
      (job) => job.dueAt <= this.#now() && (job.state === 'held' || (job.state === 'waiting' && (isFree || !isBatch(job)))),
    );
  }

  live(): WalkJob[] {
    return [...this.#jobs.values()].filter((job) => job.state !== 'finished');
  }

  /** Earliest due time of what is not due yet. */
  nextDue(): number | null {
    const times = this.live()
      .filter((job) => job.state !== 'running')
      .map((job) => job.dueAt);
    return times.length === 0 ? null : Math.min(...times);
  }

  start(job: WalkJob): void {
    job.state = 'running';
  }

  hold(job: WalkJob, delayMs: number): void {
    Object.assign(job, { state: 'held', dueAt: this.#now() + delayMs });
  }

  snooze(job: WalkJob, delayMs: number): void {
    Object.assign(job, { state: 'waiting', dueAt: this.#now() + delayMs });
  }

  finish(job: WalkJob): void {
    job.state = 'finished';
  }

  /** Removes everything, finished jobs too. A run that is under way continues without a job. */
  flush(): void {
    this.#jobs.clear();
  }

  /** All workers died and came back: what they held or ran is delivered again. */
  restart(): void {
    for (const job of this.#jobs.values()) if (job.state === 'held' || job.state === 'running') this.snooze(job, 1_000);
  }

  /** Old finished jobs are removed by the retention of the real queue. */
  forgetFinished(): void {
    for (const [id, job] of this.#jobs) if (job.state === 'finished') this.#jobs.delete(id);
  }

  #occupied(): number {
    return this.live().filter((job) => isBatch(job) && (job.state === 'held' || job.state === 'running')).length;
  }
}

function isBatch(job: WalkJob): boolean {
  return CATALOGUE[job.what.name].queue === 'batch-jobs';
}
