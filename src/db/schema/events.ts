import { bigserial, index, jsonb, pgTable, text } from 'drizzle-orm/pg-core';
import { moment } from './columns.ts';

/** Append-only: every change of a chunk, a number, a request or the account gate, every act on a run: when, why, by whom. */
export const events = pgTable(
  'events',
  {
    id: bigserial('id', { mode: 'number' }).primaryKey(),
    at: moment('at').notNull(),
    subject: text('subject').$type<'chunk' | 'number' | 'request' | 'account' | 'run'>().notNull(),
    subjectId: text('subject_id').notNull(),
    fromState: text('from_state'),
    toState: text('to_state'),
    cause: text('cause').notNull(),
    requestId: text('request_id'),
    chunkId: text('chunk_id'),
    runId: text('run_id'),
    /** A person's name, when a person decided. */
    actor: text('actor'),
    detail: jsonb('detail').$type<Record<string, unknown>>(),
  },
  (t) => [index('events_subject').on(t.subject, t.subjectId, t.id), index('events_request').on(t.requestId)],
);
