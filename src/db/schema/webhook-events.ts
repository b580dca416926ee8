import { index, pgTable, text } from 'drizzle-orm/pg-core';
import { moment } from './columns.ts';

/** Verified webhook events, stored once by Telnyx's event id. They only wake polls, so no payload is kept. */
export const webhookEvents = pgTable(
  'webhook_events',
  {
    id: text('id').primaryKey(),
    eventType: text('event_type').notNull(),
    orderId: text('order_id'),
    /** The reference of one of our chunks. In the form that Telnyx documents, an event names its order only by this. */
    customerReference: text('customer_reference'),
    occurredAt: moment('occurred_at'),
    receivedAt: moment('received_at').notNull(),
    appliedAt: moment('applied_at'),
    outcome: text('outcome'),
  },
  (t) => [index('webhook_events_received').on(t.receivedAt)],
);
