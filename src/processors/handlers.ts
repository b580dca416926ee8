import type { WorkDeps } from '../account/deps.ts';
import { closedByFailure } from '../account/gate.ts';
import { ProvisioningError } from '../domain/errors.ts';
import type { Outcome } from '../domain/outcome.ts';
import type { JobName, PayloadOf } from '../queues/catalogue.ts';
import { advance, type ChunkJobName } from './chunk/advance.ts';
import type { Handler, Handlers, JobContext } from './context.ts';
import { applyWebhook } from './jobs/apply-webhook.ts';
import { prune } from './jobs/prune.ts';
import { runReconciliation, startNightly } from './jobs/reconcile.ts';
import { KINDS } from './kinds/table.ts';
import { fillLine } from './lines/fill-line.ts';
import { runPlan } from './plans/run-plan.ts';

/** The work of one queue job. `deps.log` carries the ids of the queue job. */
type Work<N extends JobName> = (deps: WorkDeps, payload: PayloadOf<N>, ctx: JobContext) => Promise<Outcome>;

/** The handlers of a worker, one for each queue job of the catalogue. A missing handler does not compile. */
export function createHandlers(deps: WorkDeps): Handlers {
  const chunk = <N extends ChunkJobName>(name: N) =>
    closingGate<N>(deps, (work, payload, { signal }) => {
      // The run ends while its chunk waits for a slot. Another worker goes on with the chunk, and it must not keep others waiting here.
      signal.addEventListener('abort', () => work.slots.leave(payload.chunkId), { once: true });
      return advance(work, KINDS, name, payload);
    });
  return {
    'line.fill': closingGate(deps, fillLine),
    'order.run': chunk('order.run'),
    'batch.run': chunk('batch.run'),
    'emergency.run': chunk('emergency.run'),
    'messaging.run': chunk('messaging.run'),
    'plan.run': closingGate(deps, runPlan),
    'reconcile.run': closingGate(deps, runReconciliation),
    'reconcile.nightly': closingGate(deps, startNightly),
    'webhook.apply': closingGate(deps, applyWebhook),
    'maintenance.prune': closingGate(deps, prune),
  };
}

/**
 * Closes the account gate when a call of the queue job fails because the account is broken. Without this, a failed read
 * (ownership, a list, a search) would delay only its own queue job, and the others would go on.
 */
function closingGate<N extends JobName>(deps: WorkDeps, work: Work<N>): Handler<N> {
  return async (payload, ctx) => {
    const own = { ...deps, log: ctx.log };
    try {
      return await work(own, payload, ctx);
    } catch (error) {
      if (error instanceof ProvisioningError) await closedByFailure(own, error);
      throw error;
    }
  };
}
