import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkDeps } from '../account/deps.ts';
import { watchOpenJobs } from '../account/open-jobs.ts';
import { readOrdersTogether } from '../account/open-orders.ts';
import { shareOwnership } from '../account/ownership.ts';
import { openSlots } from '../account/slots.ts';
import { requireTelnyxKey } from '../config/config.ts';
import { countSlots } from '../db/slots.ts';
import { after } from '../domain/clock.ts';
import type { RateFamily } from '../domain/rate-families.ts';
import { DEFAULT_TIMINGS, type Timings } from '../domain/timings.ts';
import { createTelnyxGateway } from '../telnyx/client.ts';
import type { Foundation } from './foundation.ts';

export interface Work extends WorkDeps {
  /** From now on no call leaves, and every pause ends. Resolves when the calls under way have ended. Safe to call twice. */
  stop(): Promise<void>;
}

export interface WorkOptions {
  /** Only for tests: waits that are shorter than the real ones. */
  timings?: Partial<Timings>;
  /** Only for tests: the total deadline of a call, for each family. */
  deadlines?: Partial<Record<RateFamily, number>>;
}

/** Adds what work on Telnyx needs: the gateway with its limiter, shared over Redis when there is one. */
export function openWork(f: Foundation, options: WorkOptions = {}): Work {
  const { config, backend, log, metrics } = f;
  const telnyx = createTelnyxGateway({
    apiKey: requireTelnyxKey(config).reveal(),
    rates: config.telnyx.ratesPerSecond,
    redis: backend.redis,
    keyPrefix: `{${f.namespace}}`,
    log,
    ...(options.deadlines !== undefined && { deadlines: options.deadlines }),
    ...(config.telnyx.baseUrl !== null && { baseURL: config.telnyx.baseUrl }),
    onCall: ({ family, operation, status, ms }) => {
      metrics.telnyxCalls.inc({ family, operation, status: String(status ?? 'none') });
      metrics.telnyxCallSeconds.observe({ family }, ms / 1_000);
    },
  });
  const stopping = new AbortController();
  const timings = {
    ...DEFAULT_TIMINGS,
    settleMs: config.limits.settleMs,
    fundsProbeMs: config.limits.fundsProbeMs,
    ...options.timings,
  };
  const openJobs = watchOpenJobs({ telnyx, timings, log });
  const slots = openSlots({
    most: config.queue.jobSlots,
    clock: f.deps.clock,
    count: () => countSlots(f.db.sql, after(f.deps.clock.now(), -timings.orphanMs)),
    followedHere: () => openJobs.expectedEnds().length,
  });
  return {
    ...f.deps,
    telnyx,
    timings,
    openJobs,
    openOrders: readOrdersTogether(timings),
    ownership: shareOwnership(),
    slots,
    pause: (ms) => sleep(ms, undefined, { signal: stopping.signal }).catch(() => undefined),
    stop: async () => {
      stopping.abort();
      openJobs.close();
      slots.close();
      await telnyx.close();
    },
  };
}
