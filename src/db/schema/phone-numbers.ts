import { sql } from 'drizzle-orm';
import { boolean, index, jsonb, pgTable, text } from 'drizzle-orm/pg-core';
import { moment, money } from './columns.ts';

/** Our record of the numbers of the account. Rows are never deleted: a released number keeps its history. */
export const phoneNumbers = pgTable(
  'phone_numbers',
  {
    phoneNumber: text('phone_number').primaryKey(),
    /** A decimal string beyond 2^53, so it is always text. */
    telnyxId: text('telnyx_id'),
    /** `owned`: ours. `released`: given back by us. `missing`: gone without our action. */
    state: text('state').$type<'owned' | 'released' | 'missing'>().notNull(),
    /** The status that Telnyx shows, with hyphens. */
    status: text('status'),
    phoneNumberType: text('phone_number_type'),
    countryCode: text('country_code'),
    connectionId: text('connection_id'),
    messagingProfileId: text('messaging_profile_id'),
    billingGroupId: text('billing_group_id'),
    customerReference: text('customer_reference'),
    tags: text('tags').array().notNull().default(sql`'{}'::text[]`),
    deletionLockEnabled: boolean('deletion_lock_enabled'),
    emergencyEnabled: boolean('emergency_enabled'),
    emergencyStatus: text('emergency_status'),
    emergencyAddressId: text('emergency_address_id'),
    externalPin: text('external_pin'),
    hdVoiceEnabled: boolean('hd_voice_enabled'),
    /**
     * The fields in which the account differs from what we last asked for (or else first saw or accepted): our value by field, as
     * Postgres writes it as text. The columns above hold what Telnyx shows. Null, the usual case, means that both agree, so a
     * comparison reads this column for few numbers only. Each key belongs to one open row of `drift`.
     */
    baseline: jsonb('baseline').$type<Record<string, string | null>>(),
    upfrontCost: money('upfront_cost'),
    monthlyCost: money('monthly_cost'),
    currency: text('currency'),
    /** The request that bought the number, if one did. */
    boughtBy: text('bought_by'),
    /** Telnyx delivered it beyond what its request asked for. It is reported, and never released automatically. */
    surplus: boolean('surplus').notNull().default(false),
    purchasedAt: moment('purchased_at'),
    /**
     * When a reconciliation run first saw the number after its purchase, or last found a difference. Null before that. It is not
     * written each night, because that would rewrite the whole table.
     */
    lastSeenAt: moment('last_seen_at'),
    createdAt: moment('created_at').notNull(),
    updatedAt: moment('updated_at').notNull(),
  },
  (t) => [
    index('phone_numbers_tags').using('gin', t.tags),
    index('phone_numbers_connection').on(t.connectionId),
    index('phone_numbers_state').on(t.state),
  ],
);
