import { bigserial, index, jsonb, pgTable, text } from 'drizzle-orm/pg-core';
import { moment } from './columns.ts';

/** Append-only history of chunks, numbers, requests, the account gate and actions on runs: when, why and by whom. */
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
    /** The name of the person who decided, when a person did. */
    actor: text('actor'),
    detail: jsonb('detail').$type<Record<string, unknown>>(),
  },
  (t) => [index('events_subject').on(t.subject, t.subjectId, t.id), index('events_request').on(t.requestId)],
);
