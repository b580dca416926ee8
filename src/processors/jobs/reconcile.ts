import type { WorkDeps } from '../../account/deps.ts';
import { closedByFailure } from '../../account/gate.ts';
import { extendRunLease, finishRun, leaseRun, openRun } from '../../db/runs.ts';
import { after } from '../../domain/clock.ts';
import { asError, ProvisioningError } from '../../domain/errors.ts';
import { done, failed, type Outcome, skipped, snooze } from '../../domain/outcome.ts';
import { startRun } from '../../producers/actions/start-run.ts';
import type { PayloadOf } from '../../queues/catalogue.ts';
import { RUN_LEASE_MS } from '../../reconcile/hold-run.ts';
import { reconcileInventory } from '../../reconcile/walk.ts';
import type { JobContext } from '../context.ts';

/** A reconciliation run that has not ended after this many milliseconds is given up when it fails once more. */
const LONGEST_RUN_MS = 24 * 3_600_000;

/**
 * Does one reconciliation run. When the worker of a run dies, the next worker leases the run and starts again from the first
 * page.
 */
export async function runReconciliation(deps: WorkDeps, job: PayloadOf<'reconcile.run'>, ctx: JobContext): Promise<Outcome> {
  const now = deps.clock.now();
  const run = await leaseRun(deps.db.sql, job.runId, now, after(now, RUN_LEASE_MS));
  if (run === null) return skipped('the reconciliation run has ended, or another worker has it');
  try {
    const counts = await reconcileInventory(deps, run, ctx.signal);
    deps.log.info({ counts }, 'reconciled');
    return done(`seen ${counts.seen}, adopted ${counts.adopted}, missing ${counts.missing}, changed ${counts.changed}`);
  } catch (error) {
    const at = deps.clock.now();
    if (error instanceof ProvisioningError && (await closedByFailure(deps, error))) {
      await finishRun(deps.db.sql, run, { status: 'failed', counts: null, error: error.message, at });
      return failed(error.message);
    }
    if (error instanceof ProvisioningError && error.code === 'lease_lost') return skipped(error.message);
    const isOld = at.getTime() - (run.startedAt ?? at).getTime() > LONGEST_RUN_MS;
    const mayGoOn = error instanceof ProvisioningError && error.disposition === 'retry' && !isOld;
    if (mayGoOn && (error.code === 'stopping' || !ctx.lastAttempt)) {
      // The lease ends now, so that the next attempt can take the run, or the sweep when the queue loses this queue job.
      await extendRunLease(deps.db.sql, run, after(at, -1));
      return snooze(error.retryAfterMs ?? deps.timings.backoffMs, error.code);
    }
    await finishRun(deps.db.sql, run, { status: 'failed', counts: null, error: asError(error).message, at });
    throw error;
  }
}

/**
 * Starts the nightly reconciliation run, unless another run is open. A second run would only do the same work, and runs would
 * pile up.
 */
export async function startNightly(deps: WorkDeps): Promise<Outcome> {
  const open = await openRun(deps.db.sql);
  if (open !== null) {
    deps.log.warn({ runId: open.id }, `no nightly reconciliation run is started: ${open.id} is still ${open.status}`);
    return skipped(`${open.id} is still ${open.status}`);
  }
  const run = await startRun(deps, 'nightly', false);
  return done(`started ${run.id}`);
}
