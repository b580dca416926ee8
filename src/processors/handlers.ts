import type { WorkDeps } from '../account/deps.ts';
import { closedByFailure } from '../account/gate.ts';
import { ProvisioningError } from '../domain/errors.ts';
import type { Outcome } from '../domain/outcome.ts';
import { runBatch } from './chunk/batch-run.ts';
import { runOrder } from './chunk/order-run.ts';
import type { Handlers, JobContext } from './context.ts';
import { applyWebhook } from './jobs/apply-webhook.ts';
import { prune } from './jobs/prune.ts';
import { runReconciliation, startNightly } from './jobs/reconcile.ts';
import { fillLine } from './lines/fill-line.ts';

/** The table of contents of the product: every job of the catalogue with its handler. A missing one does not compile. */
export function createHandlers(deps: WorkDeps): Handlers {
  return {
    'line.fill': closingGate(deps, fillLine(deps)),
    'order.run': closingGate(deps, runOrder(deps)),
    'batch.run': closingGate(deps, runBatch(deps, 'batch.run')),
    'emergency.run': closingGate(deps, runBatch(deps, 'emergency.run')),
    'messaging.run': closingGate(deps, runBatch(deps, 'messaging.run')),
    'reconcile.run': closingGate(deps, runReconciliation(deps)),
    'reconcile.nightly': startNightly(deps),
    'webhook.apply': applyWebhook(deps),
    'maintenance.prune': prune(deps),
  };
}

/**
 * Whichever call of a job says that the account is broken closes the gate. Without it a read before sending (ownership, a list,
 * a search) would only put its own job off, and the others would go on.
 */
function closingGate<Payload>(
  deps: WorkDeps,
  handler: (payload: Payload, ctx: JobContext) => Promise<Outcome>,
): (payload: Payload, ctx: JobContext) => Promise<Outcome> {
  return async (payload, ctx) => {
    try {
      return await handler(payload, ctx);
    } catch (error) {
      if (error instanceof ProvisioningError) await closedByFailure(deps, error);
      throw error;
    }
  };
}
