import { sql } from 'drizzle-orm';
import { bigint, bigserial, boolean, index, integer, jsonb, pgTable, primaryKey, text, uniqueIndex } from 'drizzle-orm/pg-core';
import type { DriftKind, DriftState, RunCounts, RunStatus } from '../../domain/reconciliation.ts';
import { moment } from './columns.ts';

/** One reconciliation of the inventory with the account. */
export const runs = pgTable('reconciliation_runs', {
  id: text('id').primaryKey(),
  status: text('status').$type<RunStatus>().notNull(),
  trigger: text('trigger').$type<'nightly' | 'manual'>().notNull(),
  /** True when the run files repair requests for changed fields at its end. */
  repair: boolean('repair').notNull().default(false),
  /** Who asked for the run; null for the nightly one, and in old rows. */
  startedBy: text('started_by'),
  generation: integer('generation').notNull().default(0),
  counts: jsonb('counts').$type<RunCounts>(),
  error: text('error'),
  leaseUntil: moment('lease_until'),
  createdAt: moment('created_at').notNull(),
  startedAt: moment('started_at'),
  finishedAt: moment('finished_at'),
});

/**
 * A difference that a run found: the number, the field, our value and the account's. Rows are never deleted and these columns
 * never change; `state` says how the difference ended. A difference that lasts over several runs is one open row of the first
 * run.
 */
export const drift = pgTable(
  'drift',
  {
    id: bigserial('id', { mode: 'number' }).primaryKey(),
    runId: text('run_id')
      .notNull()
      .references(() => runs.id),
    kind: text('kind').$type<DriftKind>().notNull(),
    phoneNumber: text('phone_number').notNull(),
    field: text('field'),
    ours: text('ours'),
    theirs: text('theirs'),
    requestId: text('request_id'),
    state: text('state').$type<Exclude<DriftState, 'repairing'>>().notNull().default('open'),
    /** When it was accepted or closed, or when a repair was filed. Null while nobody has acted. */
    stateAt: moment('state_at'),
    /** The person who acted, or else the run or request that ended it. */
    stateBy: text('state_by'),
    /** The last request that was filed to restore our value. */
    repairRequestId: text('repair_request_id'),
  },
  (t) => [
    index('drift_run').on(t.runId, t.id),
    index('drift_number').on(t.phoneNumber),
    uniqueIndex('drift_open').on(t.phoneNumber, t.kind, sql`coalesce(${t.field}, '')`).where(sql`${t.state} = 'open'`),
  ],
);

/** The later runs that found an open difference again. */
export const driftAgain = pgTable(
  'drift_again',
  {
    runId: text('run_id')
      .notNull()
      .references(() => runs.id),
    driftId: bigint('drift_id', { mode: 'number' })
      .notNull()
      .references(() => drift.id),
  },
  (t) => [primaryKey({ columns: [t.runId, t.driftId] })],
);

/** What the walk of one run saw. The table is unlogged: after a crash it is empty and the run starts again. */
export const sightings = pgTable(
  'sightings',
  {
    /**
     * The order in which the walk asked for what it saw. When several pages show a number, the one that was asked for last counts.
     * `NOT_JUDGED` marks a number that the comparison left out.
     */
    seq: bigserial('seq', { mode: 'number' }),
    runId: text('run_id').notNull(),
    phoneNumber: text('phone_number').notNull(),
    telnyxId: text('telnyx_id').notNull(),
    status: text('status').notNull(),
    phoneNumberType: text('phone_number_type'),
    countryCode: text('country_code'),
    connectionId: text('connection_id'),
    messagingProfileId: text('messaging_profile_id'),
    /** False when the account did not show the profile (`UNAVAILABLE`). Then it is not compared. */
    messagingShown: boolean('messaging_shown').notNull(),
    billingGroupId: text('billing_group_id'),
    customerReference: text('customer_reference'),
    /** Null when the account did not show them. Then they are not compared. */
    tags: text('tags').array(),
    deletionLockEnabled: boolean('deletion_lock_enabled'),
    emergencyEnabled: boolean('emergency_enabled'),
    emergencyStatus: text('emergency_status'),
    emergencyAddressId: text('emergency_address_id'),
    externalPin: text('external_pin'),
    hdVoiceEnabled: boolean('hd_voice_enabled'),
    purchasedAt: moment('purchased_at'),
  },
  (t) => [index('sightings_run').on(t.runId, t.phoneNumber)],
);
