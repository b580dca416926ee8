import { finishRun, leaseRun } from '../db/runs.ts';
import { after } from '../domain/clock.ts';
import { asError, ProvisioningError } from '../domain/errors.ts';
import { type Outcome, skipped, snooze } from '../domain/outcome.ts';
import { startRun } from '../producers/start-run.ts';
import type { PayloadOf } from '../queues/catalogue.ts';
import { closedByFailure } from '../reconcile/account-gate.ts';
import type { WorkDeps } from '../reconcile/deps.ts';
import { RUN_LEASE_MS, reconcileInventory } from '../reconcile/inventory.ts';
import type { JobContext } from './context.ts';

/** Does one reconciliation run. A run whose worker died starts again from the first page under a new lease. */
export const runReconciliation =
  (deps: WorkDeps) =>
  async (job: PayloadOf<'reconcile.run'>, ctx: JobContext): Promise<Outcome> => {
    const now = deps.clock.now();
    const run = await leaseRun(deps.db.sql, job.runId, now, after(now, RUN_LEASE_MS));
    if (run === null) return skipped('the run has ended, or another worker has it');
    try {
      const counts = await reconcileInventory(deps, run);
      ctx.log.info({ runId: run.id, counts }, 'reconciled');
      return skipped('reconciled');
    } catch (error) {
      const at = deps.clock.now();
      if (error instanceof ProvisioningError && (await closedByFailure(deps, error))) {
        await finishRun(deps.db.sql, run.id, { status: 'failed', counts: null, error: error.message, at });
        return skipped(error.code);
      }
      if (error instanceof ProvisioningError && error.disposition === 'retry' && !ctx.lastAttempt) {
        // Ended, not emptied: a run without a lease would never be overdue, and the queue may lose this job.
        await deps.db.sql`update reconciliation_runs set lease_until = ${after(at, -1)} where id = ${run.id}`;
        return snooze(error.retryAfterMs ?? deps.timings.backoffMs, error.code);
      }
      await finishRun(deps.db.sql, run.id, { status: 'failed', counts: null, error: asError(error).message, at });
      throw error;
    }
  };

/** Starts the nightly run. */
export const startNightly = (deps: WorkDeps) => async (): Promise<Outcome> => {
  const run = await startRun(deps, 'nightly', false);
  return skipped(`started ${run.id}`);
};
