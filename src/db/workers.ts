import type { SqlOrTx } from './client.ts';
import type { workers } from './schema/index.ts';

export type WorkerRow = typeof workers.$inferSelect;
/** What a worker states about itself. The database adds the times. */
export type WorkerIdentity = Pick<WorkerRow, 'id' | 'role' | 'host' | 'pid' | 'version'>;

/** How often a worker writes its row. */
export const BEAT_EVERY_MS = 3_000;
/** A worker that has been silent for this long counts as dead. */
export const GONE_AFTER_MS = 4 * BEAT_EVERY_MS;

/**
 * Records that a worker is alive. All times are those of the database, so that the clocks of several machines need not agree.
 * Rows of workers that died without removing theirs are deleted after a day.
 */
export async function noteWorker(sql: SqlOrTx, w: WorkerIdentity): Promise<void> {
  await sql`
    with dead as (delete from workers where seen_at < clock_timestamp() - interval '1 day' and id <> ${w.id})
    insert into workers (id, role, host, pid, version, started_at, seen_at)
    values (${w.id}, ${w.role}, ${w.host}, ${w.pid}, ${w.version}, clock_timestamp(), clock_timestamp())
    on conflict (id) do update set seen_at = excluded.seen_at`;
}

/** Removes the row of a worker that takes up no more work. */
export async function forgetWorker(sql: SqlOrTx, id: string): Promise<void> {
  await sql`delete from workers where id = ${id}`;
}

/** Returns the living workers, the oldest first. */
export async function liveWorkers(sql: SqlOrTx): Promise<WorkerRow[]> {
  return sql<WorkerRow[]>`
    select * from workers where seen_at > clock_timestamp() - ${GONE_AFTER_MS} * interval '1 millisecond'
    order by started_at, id`;
}
