import type { WorkDeps } from '../account/deps.ts';
import type { Config } from '../config/config.ts';
import { asError } from '../domain/errors.ts';
import type { Metrics } from '../observability/metrics.ts';
import { placesFor } from '../queues/catalogue.ts';
import type { Queues } from '../queues/queues.ts';
import { sweepOnce } from '../recovery/sweep.ts';
import type { Service } from './lifecycle.ts';
import { periodic } from './periodic.ts';

/** Schedules and limits are set again this often, because Redis may have been flushed and people change them by hand. */
const RESET_EVERY_MS = 30_000;

/**
 * Drives recovery by a timer of this process and not by the queue, because a flushed queue has lost its schedules too. Runs at
 * the start, then every few seconds, and never twice at once.
 */
export function sweeper(work: WorkDeps, queues: Queues, config: Config, metrics: Metrics): Service {
  let resetAt = 0;
  const round = async (): Promise<void> => {
    try {
      if (Date.now() >= resetAt) {
        await queues.setLimits(placesFor(config.queue.jobSlots));
        await queues.upsertSchedules([
          { name: 'reconcile.nightly', cron: config.reconcile.cron, tz: config.reconcile.tz },
          { name: 'maintenance.prune', cron: '30 4 * * *', tz: config.reconcile.tz },
        ]);
        resetAt = Date.now() + RESET_EVERY_MS;
      }
    } catch (error) {
      work.log.warn({ err: asError(error), part: 'schedules' }, 'the queue does not answer; schedules are set again later');
    }
    try {
      const result = await sweepOnce(work);
      if (result !== null) {
        metrics.sweepHealed.inc({ kind: 'orphan' }, result.requeued);
        metrics.sweepHealed.inc({ kind: 'lease' }, result.rescued);
        metrics.sweepHealed.inc({ kind: 'request' }, result.ended);
      }
      for (const { family, perSecond } of work.telnyx.limits()) metrics.telnyxRate.set({ family }, perSecond);
    } catch (error) {
      work.log.error({ err: asError(error), part: 'sweep' }, 'the sweep failed; it runs again soon');
    }
  };
  return periodic('sweep', work.timings.sweepMs, round);
}
