import { sql } from 'drizzle-orm';
import { bigserial, boolean, doublePrecision, index, integer, jsonb, pgTable, text, uniqueIndex } from 'drizzle-orm/pg-core';
import type { TroubleCode } from '../../domain/codes.ts';
import type { KeySpace } from '../../domain/key-space.ts';
import type { RequestKind, RequestStatus } from '../../domain/request.ts';
import type { Step } from '../../domain/step.ts';
import { moment, money } from './columns.ts';

/** A user's request for `asked` numbers. */
export const requests = pgTable(
  'requests',
  {
    id: text('id').primaryKey(),
    /** The order of acceptance. When two requests name a number, it is changed in this order. */
    seq: bigserial('seq', { mode: 'number' }).notNull(),
    kind: text('kind').$type<RequestKind>().notNull(),
    status: text('status').$type<RequestStatus>().notNull(),
    label: text('label'),
    /** The accepted body, shown to people. The work is in steps, lines and items. */
    body: jsonb('body').$type<Record<string, unknown>>().notNull(),
    steps: jsonb('steps').$type<Step[]>().notNull(),
    asked: integer('asked').notNull(),
    maxUpfrontCost: money('max_upfront_cost'),
    maxMonthlyCost: money('max_monthly_cost'),
    idempotencyKey: text('idempotency_key'),
    /** The owner of the key; null without a key. */
    keySpace: text('key_space').$type<KeySpace>(),
    bodyHash: text('body_hash').notNull(),
    /** Rows of older versions may hold codes that are no longer in the list. They are shown unchanged. */
    errorCode: text('error_code').$type<TroubleCode>(),
    error: text('error'),
    /** Who asked: the name of an API key, an OS user of a command, or what the caller of the library gave. Null in old rows. */
    submittedBy: text('submitted_by'),
    /** The request or run that filed this one, for example as a repair. */
    filedBy: text('filed_by'),
    /** Who asked for the plan that became this request; null without a plan. */
    plannedBy: text('planned_by'),
    /** What the paid settings of this request cost for one number, by the kind of the step that sets them. */
    updateCharge: money('update_charge'),
    emergencyCharge: money('emergency_charge'),
    cancelRequestedAt: moment('cancel_requested_at'),
    /** Nothing is sent before this moment. */
    startAt: moment('start_at'),
    /** Set while a person or a rule of the request holds it: no new call leaves. The reason is in `errorCode` and `error`. */
    pausedAt: moment('paused_at'),
    /** So many numbers are done first. The others wait until these were read back, or until a person resumes. */
    canary: integer('canary'),
    canaryPassedAt: moment('canary_passed_at'),
    /** The request pauses when more than this percentage of the ended numbers has failed. */
    stopAbove: doublePrecision('stop_above'),
    /** How many numbers had failed, and how many had ended, when a person resumed. They count no more for `stopAbove`. */
    acceptedFailed: integer('accepted_failed').notNull().default(0),
    acceptedEnded: integer('accepted_ended').notNull().default(0),
    /** True for a buy that orders nothing before it has claimed every number. */
    allOrNothing: boolean('all_or_nothing').notNull().default(false),
    allClaimedAt: moment('all_claimed_at'),
    createdAt: moment('created_at').notNull(),
    updatedAt: moment('updated_at').notNull(),
    finishedAt: moment('finished_at'),
  },
  (t) => [
    uniqueIndex('requests_idempotency_key').on(t.keySpace, t.idempotencyKey),
    index('requests_open').on(t.seq).where(sql`${t.finishedAt} is null`),
    index('requests_created').on(t.createdAt),
    index('requests_submitted_by').on(t.submittedBy).where(sql`${t.submittedBy} is not null`),
  ],
);
