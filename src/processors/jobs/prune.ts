import type { WorkDeps } from '../../account/deps.ts';
import { dropEndedSightings } from '../../db/sightings.ts';
import { pruneWebhookEvents } from '../../db/webhook-events.ts';
import { after } from '../../domain/clock.ts';
import { done, type Outcome } from '../../domain/outcome.ts';

/** How long a webhook event is kept, in milliseconds. */
const KEEP_WEBHOOKS_MS = 30 * 24 * 3_600_000;

/** Deletes webhook events older than 30 days, and the staging rows of reconciliation runs that have ended. */
export async function prune(deps: WorkDeps): Promise<Outcome> {
  const removed = await pruneWebhookEvents(deps.db.sql, after(deps.clock.now(), -KEEP_WEBHOOKS_MS));
  await dropEndedSightings(deps.db.sql);
  return done(`removed ${removed} webhook events`);
}
