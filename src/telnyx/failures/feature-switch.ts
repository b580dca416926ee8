import { ProvisioningError } from '../../domain/errors.ts';
import type { LimiterLog } from '../pacing/rate-limit.ts';

/** Calls that the work can do without. It then orders unreserved, lets Telnyx judge the funds, and shows no deadline. */
const DISPENSABLE: ReadonlySet<string> = new Set(['reservations.create', 'balance', 'orders.paperwork']);

/**
 * How long a feature stays off, in milliseconds. Somebody may grant the permission at any time without restarting the product.
 */
const OFF_MS = 10 * 60_000;

export interface FeatureSwitch {
  /** @throws ProvisioningError `feature_not_permitted` (rejected) while the feature is switched off; nothing was sent. */
  requireOn(operation: string): void;
  /** Switches a feature off when Telnyx says that the account or its key may not use it. Other failures change nothing. */
  noteRefusal(operation: string, failure: ProvisioningError): void;
}

/** What this process knows of features that the account may not use. Each is logged once, until it is tried again. */
export function featureSwitch(log?: LimiterLog): FeatureSwitch {
  const off = new Map<string, { until: number; why: string }>();
  const isOff = (operation: string): string | null => {
    const known = off.get(operation);
    return known !== undefined && known.until > Date.now() ? known.why : null;
  };
  return {
    requireOn: (operation) => {
      const why = DISPENSABLE.has(operation) ? isOff(operation) : null;
      if (why !== null) throw new ProvisioningError('feature_not_permitted', 'rejected', `no call was made: ${why}`);
    },
    noteRefusal: (operation, failure) => {
      if (failure.code !== 'feature_not_permitted' || isOff(operation) !== null) return;
      off.set(operation, { until: Date.now() + OFF_MS, why: failure.message });
      const then = DISPENSABLE.has(operation)
        ? `it is switched off for ${OFF_MS / 60_000} minutes, and work goes on without it`
        : 'what needs it fails';
      log?.warn({ operation, code: failure.code }, `the account may not use ${operation}: ${then} (${failure.message})`);
    },
  };
}
