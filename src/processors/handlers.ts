import type { WorkDeps } from '../reconcile/deps.ts';
import { runBatch } from './batch-run.ts';
import type { Handlers } from './context.ts';
import { fillLine } from './line-fill.ts';
import { runOrder } from './order-run.ts';
import { prune } from './prune.ts';
import { runReconciliation, startNightly } from './reconcile-run.ts';
import { applyWebhook } from './webhook-apply.ts';

/** The table of contents of the product: every job of the catalogue with its handler. A missing one does not compile. */
export function createHandlers(deps: WorkDeps): Handlers {
  return {
    'line.fill': fillLine(deps),
    'order.run': runOrder(deps),
    'batch.run': runBatch(deps, 'batch.run'),
    'emergency.run': runBatch(deps, 'emergency.run'),
    'messaging.run': runBatch(deps, 'messaging.run'),
    'reconcile.run': runReconciliation(deps),
    'reconcile.nightly': startNightly(deps),
    'webhook.apply': applyWebhook(deps),
    'maintenance.prune': prune(deps),
  };
}
