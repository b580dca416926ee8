import { isOurReference } from '../../db/ids.ts';
import { insertWebhookEvent } from '../../db/webhook-events.ts';
import type { ProducerDeps } from '../deps.ts';
import { enqueue } from '../enqueue.ts';

/** A verified event. It only wakes a poll; nothing in it is believed. */
export interface IncomingEvent {
  id: string;
  eventType: string;
  orderId: string | null;
  /** Only one of ours is stored. */
  customerReference: string | null;
  occurredAt: Date | null;
}

/** Stores an event once and has a worker apply it; a repeat delivery is accepted and does nothing. */
export async function acceptWebhook(deps: ProducerDeps, event: IncomingEvent): Promise<'new' | 'known'> {
  const reference = event.customerReference;
  const customerReference = reference !== null && isOurReference(reference) ? reference : null;
  const isNew = await insertWebhookEvent(deps.db.sql, { ...event, customerReference, receivedAt: deps.clock.now() });
  if (!isNew) return 'known';
  // Encoded, because the queue refuses a colon in an id.
  await enqueue(deps, [{ name: 'webhook.apply', payload: { eventId: event.id }, id: `whk-${encodeURIComponent(event.id)}` }]);
  return 'new';
}
