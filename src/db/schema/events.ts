import { sql } from 'drizzle-orm';
import { bigserial, index, jsonb, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';
import { literals, moment } from './columns.ts';

/**
 * The causes of events that tell only of a call that left later. Nothing happened to a number, to money or by a person, so these
 * events are the only ones that are ever deleted. `try_later`: Telnyx surely refused the call for now.
 */
export const SNOOZE_CAUSES = ['try_later'] as const;

/**
 * Append-only history of chunks, numbers, requests, the account gate and actions on runs: when, why and by whom. Postgres keeps it
 * in one partition for each month of `at` (migration 0010 and `makeEventMonths`), which Drizzle does not know. The key therefore
 * holds `at`; the sequence alone makes ids unique.
 */
export const events = pgTable(
  'events',
  {
    id: bigserial('id', { mode: 'number' }).notNull(),
    at: moment('at').notNull(),
    subject: text('subject').$type<'chunk' | 'number' | 'request' | 'account' | 'run'>().notNull(),
    subjectId: text('subject_id').notNull(),
    fromState: text('from_state'),
    toState: text('to_state'),
    cause: text('cause').notNull(),
    requestId: text('request_id'),
    chunkId: text('chunk_id'),
    runId: text('run_id'),
    /** The name of the person who decided, when a person did. */
    actor: text('actor'),
    detail: jsonb('detail').$type<Record<string, unknown>>(),
  },
  (t) => [
    primaryKey({ columns: [t.at, t.id] }),
    index('events_subject').on(t.subject, t.subjectId, t.id),
    index('events_snoozes')
      .on(t.at)
      .where(sql`${t.cause} in (${literals(SNOOZE_CAUSES)})`),
  ],
);
