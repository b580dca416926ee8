import { integer, pgTable, text } from 'drizzle-orm/pg-core';
import { moment } from './columns.ts';

/**
 * Processes that take up work. Each updates its row every few seconds and deletes it when it stops. The rows are in Postgres and
 * not in Redis, so that a flushed queue does not make living workers look dead.
 */
export const workers = pgTable('workers', {
  id: text('id').primaryKey(),
  role: text('role').notNull(),
  host: text('host').notNull(),
  pid: integer('pid').notNull(),
  version: text('version').notNull(),
  startedAt: moment('started_at').notNull(),
  seenAt: moment('seen_at').notNull(),
});
