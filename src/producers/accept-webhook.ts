import { insertWebhookEvent } from '../db/webhook-events.ts';
import type { ProducerDeps } from './deps.ts';
import { enqueue } from './enqueue.ts';

/** A verified event. It only wakes a poll; nothing in it is believed. */
export interface IncomingEvent {
  id: string;
  eventType: string;
  orderId: string | null;
  occurredAt: Date | null;
}

/** Stores an event once and has a worker apply it; a repeat delivery is accepted and does nothing. */
export async function acceptWebhook(deps: ProducerDeps, event: IncomingEvent): Promise<'new' | 'known'> {
  const isNew = await insertWebhookEvent(deps.db.sql, { ...event, receivedAt: deps.clock.now() });
  if (!isNew) return 'known';
  await enqueue(deps, [{ name: 'webhook.apply', payload: { eventId: event.id }, id: `whk-${event.id}` }]);
  return 'new';
}
