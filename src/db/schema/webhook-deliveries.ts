import { sql } from 'drizzle-orm';
import { bigserial, index, integer, jsonb, pgTable, text, uniqueIndex } from 'drizzle-orm/pg-core';
import type { DeliveryStatus, OutgoingEvent } from '../../domain/outgoing.ts';
import { moment } from './columns.ts';

/** What users are told by webhooks. A row is stored in the transaction of the move that it tells of. */
export const webhookMessages = pgTable(
  'webhook_messages',
  {
    /** The `webhook-id` of every delivery, so that receivers can drop repeats. */
    id: text('id').primaryKey(),
    /** The order of the moves, as far as a sequence tells it. */
    seq: bigserial('seq', { mode: 'number' }).notNull(),
    type: text('type').$type<OutgoingEvent>().notNull(),
    at: moment('at').notNull(),
    data: jsonb('data').$type<Record<string, unknown>>().notNull(),
    /** When its deliveries were made, one for each address; null before that. */
    addressedAt: moment('addressed_at'),
  },
  (t) => [index('webhook_messages_new').on(t.seq).where(sql`${t.addressedAt} is null`), index('webhook_messages_at').on(t.at)],
);

/** One message for one address. */
export const webhookDeliveries = pgTable(
  'webhook_deliveries',
  {
    id: bigserial('id', { mode: 'number' }).primaryKey(),
    messageId: text('message_id')
      .notNull()
      .references(() => webhookMessages.id),
    /** Identifies the address: a hash of it, because an address may hold a token. */
    endpoint: text('endpoint').notNull(),
    /** The address as people may see it: without its query and its secret. */
    url: text('url').notNull(),
    status: text('status').$type<DeliveryStatus>().notNull().default('pending'),
    attempts: integer('attempts').notNull().default(0),
    nextAt: moment('next_at').notNull(),
    /** Until then later messages of the address wait for this one. Null before the first failure. */
    holdsUntil: moment('holds_until'),
    /** Identifies the worker that delivers now. Each attempt writes a new token. */
    leaseToken: text('lease_token'),
    leaseUntil: moment('lease_until'),
    /** The HTTP status of the last answer, and what went wrong. */
    lastStatus: integer('last_status'),
    lastError: text('last_error'),
    createdAt: moment('created_at').notNull(),
    endedAt: moment('ended_at'),
  },
  (t) => [
    uniqueIndex('webhook_deliveries_once').on(t.messageId, t.endpoint),
    index('webhook_deliveries_open').on(t.endpoint, t.id).where(sql`${t.status} = 'pending'`),
  ],
);
