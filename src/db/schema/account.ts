import { boolean, integer, jsonb, pgTable, text } from 'drizzle-orm/pg-core';
import type { ErrorCode } from '../../domain/codes.ts';
import { moment, money } from './columns.ts';

/** One row: the gate that stops all spending while the account is broken, and the last known balance. */
export const account = pgTable('account', {
  id: integer('id').primaryKey(),
  gateOpen: boolean('gate_open').notNull().default(true),
  /** Rows of older versions may hold codes that are no longer in the list. They are shown unchanged. */
  reasonCode: text('reason_code').$type<ErrorCode>(),
  reason: text('reason'),
  closedAt: moment('closed_at'),
  probeAt: moment('probe_at'),
  balance: money('balance'),
  availableCredit: money('available_credit'),
  currency: text('currency'),
  balanceAt: moment('balance_at'),
  /** What the limiter of each endpoint family has learned. It is shown to people. */
  limits: jsonb('limits').$type<Record<string, unknown>[]>(),
  limitsAt: moment('limits_at'),
});
