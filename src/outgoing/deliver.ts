import type { WebhookTarget } from '../config/webhook-targets.ts';
import type { Db } from '../db/client.ts';
import {
  endDelivery,
  giveBackDelivery,
  giveUpForgotten,
  type LeasedDelivery,
  leaseDelivery,
  putOffDelivery,
} from '../db/webhook-deliveries.ts';
import { addressMessages } from '../db/webhook-messages.ts';
import { after, type Clock } from '../domain/clock.ts';
import { GIVE_UP_MS, pauseAfter } from '../domain/outgoing.ts';
import type { Log } from '../observability/log.ts';
import { messageOf } from './message.ts';
import { type PostOptions, post } from './post.ts';

/** How long deliveries wait, in milliseconds. */
export interface DeliveryTimings {
  /** The longest time of one call. */
  timeoutMs: number;
  /** How long one worker has a delivery. Longer than a call, so that no delivery is under way twice. */
  leaseMs: number;
  /** How long a delivery that failed holds up the later ones of its address. After that they overtake it. */
  holdMs: number;
  /** A message that is older is delivered no more. */
  giveUpMs: number;
  /** The pause after the attempt with this number. */
  pauseAfter(attempt: number): number;
}

export const DELIVERY_TIMINGS: DeliveryTimings = {
  timeoutMs: 10_000,
  leaseMs: 60_000,
  holdMs: 5 * 60_000,
  giveUpMs: GIVE_UP_MS,
  pauseAfter,
};

export interface DeliveryDeps {
  db: Db;
  clock: Clock;
  log: Log;
  targets: readonly WebhookTarget[];
  allowPrivate: boolean;
  timings: DeliveryTimings;
  /** Fires when the process stops. */
  signal: AbortSignal;
  lookup?: PostOptions['lookup'];
}

/**
 * Delivers everything that is due at one address, one delivery after the other, and answers how many were accepted. Every worker may
 * call it at once: the lease of a delivery lets one through. A worker that dies leaves its lease, and the delivery is tried again when
 * that has ended.
 */
export async function deliverDue(deps: DeliveryDeps, target: WebhookTarget): Promise<number> {
  const { db, clock, timings } = deps;
  await addressNew(deps);
  let accepted = 0;
  while (!deps.signal.aborted) {
    const now = clock.now();
    const leased = await leaseDelivery(db.sql, target.key, now, after(now, timings.leaseMs));
    if (leased === null) break;
    if (await attempt(deps, target, leased)) accepted += 1;
  }
  return accepted;
}

/** Makes the deliveries of new messages, and gives up those of addresses that nobody has any more. */
async function addressNew({ db, clock, targets, timings }: DeliveryDeps): Promise<void> {
  const now = clock.now();
  const oldest = after(now, -timings.giveUpMs);
  const to = targets.map(({ key, shown }) => ({ key, shown }));
  while ((await db.sql.begin((tx) => addressMessages(tx, to, now, oldest))) > 0);
  await giveUpForgotten(
    db.sql,
    to.map((t) => t.key),
    oldest,
    now,
  );
}

async function attempt(deps: DeliveryDeps, target: WebhookTarget, leased: LeasedDelivery): Promise<boolean> {
  const { db, clock, timings, log, signal } = deps;
  const { headers, body } = messageOf(leased, target, clock.now());
  const { allowPrivate, lookup } = deps;
  const options = { allowPrivate, timeoutMs: timings.timeoutMs, signal, ...(lookup !== undefined && { lookup }) };
  const answer = await post(new URL(target.url.reveal()), headers, body, options);
  const at = clock.now();
  if ('status' in answer && answer.status >= 200 && answer.status < 300)
    return endDelivery(db.sql, leased, { as: 'delivered', at, status: answer.status, error: null });
  if (signal.aborted) {
    await giveBackDelivery(db.sql, leased);
    return false;
  }
  const status = 'status' in answer ? answer.status : null;
  const error = 'status' in answer ? `the receiver answered with ${answer.status}` : answer.problem;
  // The host alone: receivers put tokens into paths too.
  const { host } = new URL(target.shown);
  const about = { eventId: leased.messageId, kind: leased.type, attempt: leased.attempts, host };
  const giveUpAt = after(leased.createdAt, timings.giveUpMs);
  if (at >= giveUpAt) {
    await endDelivery(db.sql, leased, { as: 'failed', at, status, error });
    log.error(about, `a webhook was given up: ${error}`);
    return false;
  }
  const paused = after(at, timings.pauseAfter(leased.attempts));
  const nextAt = paused < giveUpAt ? paused : giveUpAt;
  await putOffDelivery(db.sql, leased, { status, error, nextAt, holdsUntil: after(at, timings.holdMs) });
  log.warn(about, `a webhook was not accepted and is tried again: ${error}`);
  return false;
}
