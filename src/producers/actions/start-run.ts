import { newRunId } from '../../db/ids.ts';
import { queueRun, type Run } from '../../db/runs.ts';
import type { AnyEnqueue } from '../../queues/port.ts';
import type { ProducerDeps } from '../deps.ts';
import { enqueue } from '../enqueue.ts';

export function runJob(run: Pick<Run, 'id' | 'generation'>): AnyEnqueue {
  return { name: 'reconcile.run', payload: { runId: run.id }, id: `${run.id}-${run.generation}` };
}

/**
 * Starts a reconciliation; a worker does it. With `repair`, changed fields are put back by an ordinary update request. While
 * such a run waits for its worker, it is that run which is given: it will see what a second one would.
 */
export async function startRun(deps: ProducerDeps, trigger: Run['trigger'], repair: boolean): Promise<Run> {
  const run = await queueRun(deps.db.sql, { id: newRunId(), trigger, repair, at: deps.clock.now() });
  await enqueue(deps, [runJob(run)]);
  return run;
}

/** A run as users see it. */
export function runView(r: Run) {
  return {
    id: r.id,
    status: r.status,
    trigger: r.trigger,
    repair: r.repair,
    counts: r.counts,
    error: r.error,
    created_at: r.createdAt.toISOString(),
    started_at: r.startedAt?.toISOString() ?? null,
    finished_at: r.finishedAt?.toISOString() ?? null,
  };
}
export type RunView = ReturnType<typeof runView>;
