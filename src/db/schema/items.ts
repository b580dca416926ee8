import { sql } from 'drizzle-orm';
import { bigserial, index, integer, pgTable, text } from 'drizzle-orm/pg-core';
import type { ReasonCode } from '../../domain/codes.ts';
import { type ItemStatus, OPEN_ITEM_STATUSES } from '../../domain/request.ts';
import { chunks } from './chunks.ts';
import { literals, moment, money } from './columns.ts';
import { lines } from './lines.ts';
import { requests } from './requests.ts';

/**
 * One number owed to a request. A buy by criteria starts with empty slots (`phoneNumber` null), which searches fill. So the items
 * of a request always add up to what was asked.
 */
export const items = pgTable(
  'items',
  {
    id: bigserial('id', { mode: 'number' }).primaryKey(),
    requestId: text('request_id')
      .notNull()
      .references(() => requests.id),
    lineId: text('line_id').references(() => lines.id),
    position: integer('position').notNull(),
    phoneNumber: text('phone_number'),
    status: text('status').$type<ItemStatus>().notNull(),
    /** Rows of older versions may hold codes that are no longer in the list. They are shown unchanged. */
    reasonCode: text('reason_code').$type<ReasonCode>(),
    reason: text('reason'),
    chunkId: text('chunk_id').references(() => chunks.id),
    telnyxId: text('telnyx_id'),
    upfrontCost: money('upfront_cost'),
    monthlyCost: money('monthly_cost'),
    currency: text('currency'),
    searchedAt: moment('searched_at'),
    /** When a buy claimed the number. Its price counts in the budget of that month. */
    chargedAt: moment('charged_at'),
    /** When the order delivered the number. From then on it is paid for, even when a later step fails. */
    boughtAt: moment('bought_at'),
    updatedAt: moment('updated_at').notNull(),
  },
  (t) => [
    index('items_request_status').on(t.requestId, t.status),
    index('items_chunk').on(t.chunkId),
    index('items_line_open').on(t.lineId).where(sql`${t.status} = 'pending'`),
    index('items_number_open')
      .on(t.phoneNumber)
      .where(sql`${t.status} in (${literals(OPEN_ITEM_STATUSES)})`),
  ],
);

/** A number held by one open buy, or by one open update or delete chunk. The primary key alone keeps a second request off it. */
export const claims = pgTable(
  'claims',
  {
    phoneNumber: text('phone_number').primaryKey(),
    requestId: text('request_id')
      .notNull()
      .references(() => requests.id),
    claimedAt: moment('claimed_at').notNull(),
  },
  (t) => [index('claims_request').on(t.requestId)],
);
