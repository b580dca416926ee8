import type { WorkDeps } from '../../account/deps.ts';
import { makeEventMonths } from '../../db/event-months.ts';
import { pruneSnoozes } from '../../db/events.ts';
import { expirePlans, prunePlanNumbers, pruneSearches } from '../../db/plans.ts';
import { dropEndedSightings } from '../../db/sightings.ts';
import { pruneWebhookEvents } from '../../db/webhook-events.ts';
import { pruneMessages } from '../../db/webhook-messages.ts';
import { after } from '../../domain/clock.ts';
import { done, type Outcome } from '../../domain/outcome.ts';

const DAY_MS = 24 * 3_600_000;
/** How long a webhook event and a message to users are kept, in milliseconds. Other rows hold all that they tell. */
const KEEP_WEBHOOKS_MS = 30 * DAY_MS;
/** How long the event of a call that had to wait is kept, in milliseconds. */
const KEEP_SNOOZES_MS = 90 * DAY_MS;
/** How long searches and the numbers of plans are kept after a plan expired, in milliseconds. */
const KEEP_PLAN_NUMBERS_MS = 7 * DAY_MS;

/**
 * Deletes what only woke polls (webhook events, after 30 days), what users were told (outgoing messages, after 30 days), what only
 * waited (events of calls that Telnyx refused for now, after 90 days), the staging rows of reconciliation runs that have ended,
 * searches, and the numbers of old plans (7 days). Nothing that tells of a number, of money or of a
 * person is ever deleted. Then it makes the partitions of the next months.
 */
export async function prune(deps: WorkDeps): Promise<Outcome> {
  const { sql } = deps.db;
  const now = deps.clock.now();
  const webhooks = await pruneWebhookEvents(sql, after(now, -KEEP_WEBHOOKS_MS));
  const messages = await pruneMessages(sql, after(now, -KEEP_WEBHOOKS_MS));
  const snoozes = await pruneSnoozes(sql, after(now, -KEEP_SNOOZES_MS));
  await dropEndedSightings(sql);
  await expirePlans(sql, now);
  await prunePlanNumbers(sql, after(now, -KEEP_PLAN_NUMBERS_MS));
  await pruneSearches(sql, after(now, -KEEP_PLAN_NUMBERS_MS));
  const months = await makeEventMonths(sql, now);
  return done(
    `removed ${webhooks} webhook events, ${messages} outgoing messages and ${snoozes} waits; made ${months.length} months of events`,
  );
}
