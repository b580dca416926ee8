import { boolean, integer, jsonb, pgTable, text } from 'drizzle-orm/pg-core';
import type { ErrorCode } from '../../domain/codes.ts';
import { moment, money } from './columns.ts';

/** One row: the gate that stops all spending while the account is broken, and the last balance seen. */
export const account = pgTable('account', {
  id: integer('id').primaryKey(),
  gateOpen: boolean('gate_open').notNull().default(true),
  /** Of a row of an older version it may be a code that is not in the list any more; it is shown as it stands. */
  reasonCode: text('reason_code').$type<ErrorCode>(),
  reason: text('reason'),
  closedAt: moment('closed_at'),
  probeAt: moment('probe_at'),
  balance: money('balance'),
  availableCredit: money('available_credit'),
  currency: text('currency'),
  balanceAt: moment('balance_at'),
  /** What the limiter of each endpoint family has learned, for people. */
  limits: jsonb('limits').$type<Record<string, unknown>[]>(),
  limitsAt: moment('limits_at'),
});
