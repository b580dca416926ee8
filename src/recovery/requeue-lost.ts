import type { WorkDeps } from '../account/deps.ts';
import { overdueChunks, requeueChunk } from '../db/chunks.ts';
import { overdueLines, reopenLine } from '../db/lines.ts';
import { overduePlans } from '../db/plans.ts';
import { overdueRuns } from '../db/runs.ts';
import { after } from '../domain/clock.ts';
import { runJob } from '../producers/actions/start-run.ts';
import { chunkJob, lineJob } from '../producers/enqueue.ts';
import { planJob } from '../producers/plans/make-plan.ts';
import type { AnyEnqueue } from '../queues/port.ts';

const PAGE = 500;

/**
 * Puts overdue work back into the queue when its queue job is lost (queue flushed, restarted empty, enqueue failed) or ended too
 * early. Wakes a queue job that sleeps longer than its row says (a person delayed it on the dashboard). It reads the rows and
 * never the length of the queue, because a flushed queue looks just like an empty one. Returns how many queue jobs it added or
 * woke.
 */
export async function requeueOrphans(deps: WorkDeps): Promise<number> {
  const now = deps.clock.now();
  const overdue = after(now, -deps.timings.orphanMs);
  const jobs: AnyEnqueue[] = [];
  const asleep: AnyEnqueue[] = [];
  for await (const chunk of overdueChunks(deps.db.sql, overdue, PAGE)) {
    const job = chunkJob(chunk);
    const presence = await deps.queue.presence(job.name, job.id);
    if (presence === 'missing') jobs.push(job);
    if (presence === 'asleep') asleep.push(job);
    if (presence !== 'finished') continue;
    const renewed = await requeueChunk(deps.db.sql, chunk);
    if (renewed !== null) jobs.push(chunkJob(renewed));
  }
  for await (const line of overdueLines(deps.db.sql, overdue, PAGE)) {
    const job = lineJob(line);
    const presence = await deps.queue.presence(job.name, job.id);
    if (presence === 'missing') jobs.push(job);
    if (presence === 'asleep') asleep.push(job);
    if (presence !== 'finished') continue;
    const renewed = await reopenLine(deps.db.sql, line.id, now);
    if (renewed !== null) jobs.push(lineJob(renewed));
  }
  for (const run of await overdueRuns(deps.db.sql, overdue, after(now, -1))) jobs.push(runJob(run));
  for (const plan of await overduePlans(deps.db.sql, overdue, after(now, -1))) jobs.push(planJob(plan));
  if (jobs.length > 0) {
    await deps.queue.add(jobs);
    deps.log.warn({ jobs: jobs.length }, 'lost work was put back into the queue');
  }
  for (const job of asleep) await deps.queue.wake(job.name, job.id);
  if (asleep.length > 0) deps.log.warn({ jobs: asleep.length }, 'queue jobs that slept longer than their rows say were woken');
  return jobs.length + asleep.length;
}
