import { pgTable, primaryKey, text } from 'drizzle-orm/pg-core';

/**
 * One row for each asker with a budget and each UTC month in which money was reserved. A transaction that reserves money locks its
 * row. The sums are computed from requests and items, so the row holds none.
 */
export const budgets = pgTable(
  'budgets',
  {
    owner: text('owner').notNull(),
    /** Such as `2026-11`. */
    month: text('month').notNull(),
  },
  (t) => [primaryKey({ columns: [t.owner, t.month] })],
);
