import type { WorkDeps } from '../../account/deps.ts';
import { extendPlanLease, type Plan } from '../../db/plans.ts';
import { after } from '../../domain/clock.ts';
import { ProvisioningError } from '../../domain/errors.ts';

/** A plan that this worker has leased. */
export interface HeldPlan {
  plan: Plan;
  /** Extends the lease. It is called before each call to Telnyx. Rejects with `lease_lost` (retry) when another worker has the plan. */
  keep(): Promise<void>;
}

export function holdPlan(deps: WorkDeps, plan: Plan, signal: AbortSignal): HeldPlan {
  return {
    plan,
    keep: async () => {
      if (signal.aborted) throw new ProvisioningError('stopping', 'retry', 'the process is stopping');
      const until = after(deps.clock.now(), deps.timings.leaseMs);
      if (await extendPlanLease(deps.db.sql, plan, until)) return;
      throw new ProvisioningError('lease_lost', 'retry', 'another worker has this plan by now');
    },
  };
}
