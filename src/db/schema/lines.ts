import { sql } from 'drizzle-orm';
import { index, integer, jsonb, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';
import type { LineCriteria } from '../../domain/request.ts';
import { moment, money } from './columns.ts';
import { requests } from './requests.ts';

/** One criterion of a buy (200 in area code 312), or its explicit list. */
export const lines = pgTable(
  'lines',
  {
    id: text('id').primaryKey(),
    requestId: text('request_id')
      .notNull()
      .references(() => requests.id),
    position: integer('position').notNull(),
    quantity: integer('quantity').notNull(),
    criteria: jsonb('criteria').$type<LineCriteria>().notNull(),
    /** The search rung of the line. `cursor` is its position in the digit patterns of that rung. */
    rung: integer('rung').notNull().default(0),
    cursor: integer('cursor').notNull().default(0),
    /** Only one worker fills a line at a time. */
    leaseUntil: moment('lease_until'),
    /** Rises whenever the line needs a new queue job. It is part of the job id. */
    requeues: integer('requeues').notNull().default(0),
    /** Null while nothing is left to search for, because chunks carry all numbers. */
    nextRunAt: moment('next_run_at'),
    createdAt: moment('created_at').notNull(),
    updatedAt: moment('updated_at').notNull(),
  },
  (t) => [index('lines_request').on(t.requestId), index('lines_due').on(t.nextRunAt).where(sql`${t.nextRunAt} is not null`)],
);

/**
 * Numbers that a line claimed and lost to another buyer. The line does not try them again. Their price counts against the budget
 * until `heldUntil`, because a call that was duplicated on the network may still deliver them.
 */
export const lineLosses = pgTable(
  'line_losses',
  {
    lineId: text('line_id')
      .notNull()
      .references(() => lines.id),
    phoneNumber: text('phone_number').notNull(),
    reason: text('reason').notNull(),
    at: moment('at').notNull(),
    upfrontCost: money('upfront_cost'),
    monthlyCost: money('monthly_cost'),
    heldUntil: moment('held_until'),
  },
  (t) => [primaryKey({ columns: [t.lineId, t.phoneNumber] })],
);
