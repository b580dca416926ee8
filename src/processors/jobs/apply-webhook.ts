import type { WorkDeps } from '../../account/deps.ts';
import { openChunkOfOrder } from '../../db/chunks.ts';
import { getWebhookEvent, markApplied } from '../../db/webhook-events.ts';
import { done, type Outcome, skipped } from '../../domain/outcome.ts';
import { chunkJob } from '../../producers/enqueue.ts';
import type { PayloadOf } from '../../queues/catalogue.ts';

/**
 * Wakes the queue job that polls the order of a stored webhook event. The event is only a hint: the poll reads the order, and
 * nothing else in the event is used. An event of an order that is not ours is marked as applied and does nothing.
 */
export async function applyWebhook(deps: WorkDeps, job: PayloadOf<'webhook.apply'>): Promise<Outcome> {
  const event = await getWebhookEvent(deps.db.sql, job.eventId);
  if (event === null || event.appliedAt !== null) return skipped('there is nothing to apply');
  const { orderId, customerReference } = event;
  const chunk = await openChunkOfOrder(deps.db.sql, { id: orderId, customerReference });
  if (chunk !== null) {
    const poll = chunkJob(chunk);
    await deps.queue.wake(poll.name, poll.id);
  }
  await markApplied(deps.db.sql, event.id, chunk === null ? 'no_open_order' : 'woke_poll', deps.clock.now());
  return chunk === null ? skipped('the event belongs to no open order of ours') : done(`woke the poll of ${chunk.id}`);
}
