import type { SqlOrTx } from './client.ts';
import { type events, SNOOZE_CAUSES } from './schema/index.ts';

export type EventRow = typeof events.$inferSelect;

/** The reason of a change. It is written into the event row of everything that the change touches. */
export interface Because {
  cause: string;
  at: Date;
  requestId?: string | null;
  chunkId?: string | null;
  runId?: string | null;
  actor?: string | null;
}

export interface NewEvent extends Because {
  subject: EventRow['subject'];
  subjectId: string;
  from?: string | null;
  to?: string | null;
  detail?: Record<string, unknown> | null;
}

/** Appends one event. Call it in the transaction of the change that it describes. */
export async function insertEvent(sql: SqlOrTx, e: NewEvent): Promise<void> {
  await sql`
    insert into events (at, subject, subject_id, from_state, to_state, cause, request_id, chunk_id, run_id, actor, detail)
    values (${e.at}, ${e.subject}, ${e.subjectId}, ${e.from ?? null}, ${e.to ?? null}, ${e.cause}, ${e.requestId ?? null},
      ${e.chunkId ?? null}, ${e.runId ?? null}, ${e.actor ?? null}, ${JSON.stringify(e.detail ?? null)}::text::jsonb)`;
}

/** Appends one event for each number in one statement. */
export async function insertNumberEvents(
  sql: SqlOrTx,
  numbers: string[],
  because: Because,
  move: { from: string; to: string },
): Promise<void> {
  if (numbers.length === 0) return;
  await sql`
    insert into events (at, subject, subject_id, from_state, to_state, cause, request_id, chunk_id, run_id, actor)
    select ${because.at}, 'number', n, ${move.from}, ${move.to}, ${because.cause}, ${because.requestId ?? null},
      ${because.chunkId ?? null}, ${because.runId ?? null}, ${because.actor ?? null}
    from unnest(${numbers}::text[]) as n`;
}

/**
 * Deletes the events before `before` that tell of nothing but a wait: a call that Telnyx surely refused for now. Answers how many.
 * Whatever tells of a number, of money or of a person is kept for ever.
 */
export async function pruneSnoozes(sql: SqlOrTx, before: Date): Promise<number> {
  const done = await sql`
    delete from events
    where at < ${before} and cause = any(${[...SNOOZE_CAUSES]}::text[]) and subject = 'chunk' and actor is null`;
  return done.count;
}
