import { sql } from 'drizzle-orm';
import { boolean, index, integer, jsonb, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';
import type { PlanKind, PlanResult, PlanStatus, StoredFailure } from '../../domain/plan.ts';
import type { Step } from '../../domain/step.ts';
import { moment, money } from './columns.ts';

/** What a request would do, computed by a worker before the request is filed; or a search, which buys nothing. */
export const plans = pgTable(
  'plans',
  {
    id: text('id').primaryKey(),
    kind: text('kind').$type<PlanKind>().notNull(),
    status: text('status').$type<PlanStatus>().notNull(),
    /** The checked body; its numbers are in `plan_numbers`, and stand here as a count. */
    body: jsonb('body').$type<Record<string, unknown>>().notNull(),
    steps: jsonb('steps').$type<Step[]>().notNull(),
    asked: integer('asked').notNull(),
    /** True when the plan reserves the numbers that it finds. */
    reserve: boolean('reserve').notNull().default(false),
    /** Who asked for the plan, under the same names as in requests. */
    askedBy: text('asked_by').notNull(),
    result: jsonb('result').$type<PlanResult>(),
    /** Why the plan failed. */
    error: jsonb('error').$type<StoredFailure>(),
    /** The attempt to apply it: who asked, when (null while nobody waits for one), and how many there were. */
    appliedBy: text('applied_by'),
    applyAskedAt: moment('apply_asked_at'),
    allowChanges: boolean('allow_changes').notNull().default(false),
    tries: integer('tries').notNull().default(0),
    /** Why the last attempt to apply it was refused. */
    applyError: jsonb('apply_error').$type<StoredFailure>(),
    /** The request that it became. */
    requestId: text('request_id'),
    /** Rises with every lease, and is part of the id of the queue job. */
    generation: integer('generation').notNull().default(0),
    leaseUntil: moment('lease_until'),
    createdAt: moment('created_at').notNull(),
    plannedAt: moment('planned_at'),
    appliedAt: moment('applied_at'),
    expiresAt: moment('expires_at').notNull(),
  },
  (t) => [
    index('plans_open').on(t.id).where(sql`${t.status} = 'pending' or ${t.applyAskedAt} is not null`),
    index('plans_expiry').on(t.expiresAt),
  ],
);

/** The numbers of a plan: those that a body lists or selects, or those that the searches of a buy found. */
export const planNumbers = pgTable(
  'plan_numbers',
  {
    planId: text('plan_id')
      .notNull()
      .references(() => plans.id, { onDelete: 'cascade' }),
    phoneNumber: text('phone_number').notNull(),
    position: integer('position').notNull(),
    /** The buy line that it was found for; null for a listed number. */
    line: integer('line'),
    upfrontCost: money('upfront_cost'),
    monthlyCost: money('monthly_cost'),
    currency: text('currency'),
    /** The steps for this number as JSON, in a list with values row by row. */
    steps: text('steps'),
    /** What was decided about the number: `take` or the reason why the request would not act on it. Null before that. */
    verdict: text('verdict'),
    /** Until when Telnyx holds it for this account. */
    reservedUntil: moment('reserved_until'),
  },
  (t) => [primaryKey({ columns: [t.planId, t.phoneNumber] }), index('plan_numbers_order').on(t.planId, t.position)],
);
