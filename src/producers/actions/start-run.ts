import { newRunId } from '../../db/ids.ts';
import { queueRun, type Run } from '../../db/runs.ts';
import type { AnyEnqueue } from '../../queues/port.ts';
import type { ProducerDeps } from '../deps.ts';
import { enqueue } from '../enqueue.ts';

/** The queue job of a reconciliation run. */
export function runJob(run: Pick<Run, 'id' | 'generation'>): AnyEnqueue {
  return { name: 'reconcile.run', payload: { runId: run.id }, id: `${run.id}-${run.generation}` };
}

/**
 * Queues a reconciliation run, which a worker does. With `repair`, the run files ordinary update requests that put changed fields
 * back. When a run of the same kind still waits for its worker, that run is returned instead: it sees everything that a second
 * run would see. Repairs are filed in the name of `actor`; the nightly run has none.
 */
export async function startRun(
  deps: ProducerDeps,
  trigger: Run['trigger'],
  repair: boolean,
  actor: string | null = null,
): Promise<Run> {
  const run = await queueRun(deps.db.sql, { id: newRunId(), trigger, repair, startedBy: actor, at: deps.clock.now() });
  await enqueue(deps, [runJob(run)]);
  return run;
}

/** A reconciliation run as users see it. */
export function runView(r: Run) {
  return {
    id: r.id,
    status: r.status,
    trigger: r.trigger,
    repair: r.repair,
    started_by: r.startedBy,
    counts: r.counts,
    error: r.error,
    created_at: r.createdAt.toISOString(),
    started_at: r.startedAt?.toISOString() ?? null,
    finished_at: r.finishedAt?.toISOString() ?? null,
  };
}
export type RunView = ReturnType<typeof runView>;
