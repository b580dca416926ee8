import { isOurReference } from '../../db/ids.ts';
import { insertWebhookEvent } from '../../db/webhook-events.ts';
import type { ProducerDeps } from '../deps.ts';
import { enqueue } from '../enqueue.ts';

/** A webhook event whose signature was verified. It only wakes a poll, and nothing in it is used as a fact. */
export interface IncomingEvent {
  id: string;
  eventType: string;
  orderId: string | null;
  /** Stored only when it is a reference of ours. */
  customerReference: string | null;
  occurredAt: Date | null;
}

/** Stores an event and enqueues its work. A repeated delivery is accepted and does nothing (`known`). */
export async function acceptWebhook(deps: ProducerDeps, event: IncomingEvent): Promise<'new' | 'known'> {
  const reference = event.customerReference;
  const customerReference = reference !== null && isOurReference(reference) ? reference : null;
  const isNew = await insertWebhookEvent(deps.db.sql, { ...event, customerReference, receivedAt: deps.clock.now() });
  if (!isNew) return 'known';
  // The id is encoded, because the queue refuses a colon in an id.
  await enqueue(deps, [{ name: 'webhook.apply', payload: { eventId: event.id }, id: `whk-${encodeURIComponent(event.id)}` }]);
  return 'new';
}
