import { done } from '../../src/domain/outcome.ts';
import { silentLog } from '../../src/observability/log.ts';
import { createMetrics } from '../../src/observability/metrics.ts';
import type { Handlers } from '../../src/processors/context.ts';
import { createRunJob } from '../../src/processors/run-job.ts';
import type { QueueBackend } from '../../src/queues/backend.ts';
import { openQueues, type Queues } from '../../src/queues/queues.ts';
import { startWorkers, type Workers, type WorkersOptions } from '../../src/queues/workers.ts';

/** Returns handlers that do nothing, except the given ones. */
export function fakeHandlers(given: Partial<Handlers>): Handlers {
  const nothing = async () => done();
  return {
    'line.fill': nothing,
    'plan.run': nothing,
    'order.run': nothing,
    'batch.run': nothing,
    'emergency.run': nothing,
    'messaging.run': nothing,
    'reconcile.run': nothing,
    'reconcile.nightly': nothing,
    'webhook.apply': nothing,
    'maintenance.prune': nothing,
    ...given,
  };
}

/** Records the chunk of every `batch.run`, which then reports done. */
export function recordingIn(seen: string[]): Pick<Handlers, 'batch.run'> {
  return {
    'batch.run': async ({ chunkId }) => {
      seen.push(chunkId);
      return done();
    },
  };
}

export const CONCURRENCY = { buy: 5, 'batch-jobs': 20, emergency: 5, messaging: 5, reconcile: 1, webhooks: 5, maintenance: 1 };

export function workersOn(
  backend: QueueBackend,
  given: Partial<Handlers>,
  concurrency: Partial<typeof CONCURRENCY> = {},
  options: Partial<Pick<WorkersOptions, 'lockMs' | 'stalledMs' | 'log'>> = {},
): Workers {
  const process = createRunJob({ handlers: fakeHandlers(given), log: silentLog, metrics: createMetrics(), backoffMs: 50 });
  return startWorkers(backend, process, {
    concurrency: { ...CONCURRENCY, ...concurrency },
    log: silentLog,
    lockMs: 3_000,
    stalledMs: 1_000,
    ...options,
  });
}

export function queuesOn(backend: QueueBackend): Queues {
  return openQueues(backend, silentLog);
}
