import { asError } from '../domain/errors.ts';
import { DELIVERY_TIMINGS, type DeliveryTimings, deliverDue } from '../outgoing/deliver.ts';
import type { Foundation } from './foundation.ts';
import type { Service } from './lifecycle.ts';
import { periodic } from './periodic.ts';

/** How often each address is looked after, in milliseconds. */
const EVERY_MS = 1_000;

/** Delivers webhooks to users, each address by a round of its own, so that a slow receiver holds up no other. Without addresses it does nothing. */
export function announcer(
  { config, db, log, deps: { clock } }: Foundation,
  timings: DeliveryTimings = DELIVERY_TIMINGS,
): Service {
  const { targets, allowPrivate } = config.webhooks;
  const stopping = new AbortController();
  const rounds = targets.map((target) =>
    periodic('webhooks to users', EVERY_MS, async () => {
      try {
        await deliverDue({ db, clock, log, targets, allowPrivate, timings, signal: stopping.signal }, target);
      } catch (error) {
        log.warn({ err: asError(error), part: 'webhooks' }, 'webhooks could not be delivered; the next round tries again');
      }
    }),
  );
  return {
    name: 'webhooks to users',
    start: async () => {
      for (const round of rounds) await round.start?.();
    },
    stop: async () => {
      stopping.abort();
      await Promise.all(rounds.map((round) => round.stop()));
    },
    stopWithinMs: 5_000,
  };
}
