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

/** One queue job's work, with the dependencies that it needs. `deps.log` carries the ids of the queue job. */
type Work<N extends JobName> = (deps: WorkDeps, payload: PayloadOf<N>, ctx: JobContext) => Promise<Outcome>;

/** The table of contents of the product: every job of the catalogue with its handler. A missing one does not compile. */
export function createHandlers(deps: WorkDeps): Handlers {
  const chunk = <N extends ChunkJobName>(name: N) => closingGate<N>(deps, (work, payload) => advance(work, KINDS, name, payload));
  return {
    'line.fill': closingGate(deps, fillLine),
    'order.run': chunk('order.run'),
    'batch.run': chunk('batch.run'),
    'emergency.run': chunk('emergency.run'),
    'messaging.run': chunk('messaging.run'),
    'reconcile.run': closingGate(deps, runReconciliation),
    'reconcile.nightly': closingGate(deps, startNightly),
    'webhook.apply': closingGate(deps, applyWebhook),
    'maintenance.prune': closingGate(deps, prune),
  };
}

/**
 * Whichever call of a queue job says that the account is broken closes the gate. Without this, a read before sending (ownership, a
 * list, a search) would only put its own queue job off, and the others would go on.
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
