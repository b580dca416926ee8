import { OPEN_RUN_STATUSES, type RunCounts } from '../domain/reconciliation.ts';
import type { Sql, SqlOrTx, Tx } from './client.ts';
import type { runs } from './schema/index.ts';
import { tellUsers } from './webhook-messages.ts';

export type Run = typeof runs.$inferSelect;

export async function insertRun(
  sql: SqlOrTx,
  r: { id: string; trigger: Run['trigger']; repair: boolean; startedBy?: string | null; at: Date },
): Promise<Run> {
  const [row] = await sql<Run[]>`
    insert into reconciliation_runs (id, status, trigger, repair, started_by, created_at)
    values (${r.id}, 'queued', ${r.trigger}, ${r.repair}, ${r.startedBy ?? null}, ${r.at}) returning *`;
  if (row === undefined) throw new Error('a reconciliation run was not inserted');
  return row;
}

/** The value is arbitrary, but every process must use the same one. */
const QUEUE_LOCK = 7_105_020_010;

/** Returns the queued run of this sort, or a new one when none waits. So runs cannot pile up. */
export async function queueRun(sql: Sql, r: Parameters<typeof insertRun>[1]): Promise<Run> {
  return sql.begin(async (tx) => {
    await tx`select pg_advisory_xact_lock(${QUEUE_LOCK})`;
    const [waiting] = await tx<Run[]>`
      select * from reconciliation_runs where status = 'queued' and repair = ${r.repair} order by created_at limit 1`;
    return waiting ?? insertRun(tx, r);
  });
}

/** Returns a reconciliation run, or `null` when there is none with this id. */
export async function getRun(sql: SqlOrTx, id: string): Promise<Run | null> {
  const [row] = await sql<Run[]>`select * from reconciliation_runs where id = ${id}`;
  return row ?? null;
}

/** A run as one worker leased it. Each lease has a generation of its own. */
export type LeasedRun = Pick<Run, 'id' | 'generation'>;

/**
 * Leases the run to one worker. Returns `null` while another worker has it, or when it has ended. The new generation tells a
 * worker that slept longer than its lease that it has lost the run.
 */
export async function leaseRun(sql: SqlOrTx, id: string, now: Date, until: Date): Promise<Run | null> {
  const [row] = await sql<Run[]>`
    update reconciliation_runs set status = 'running', started_at = coalesce(started_at, ${now}), lease_until = ${until},
      generation = generation + 1
    where id = (
      select id from reconciliation_runs
      where id = ${id} and status = any(${OPEN_RUN_STATUSES}::text[]) and (lease_until is null or lease_until < ${now})
      for update skip locked
    )
    returning *`;
  return row ?? null;
}

/** Extends the lease. Returns `false` when the run has ended or another worker has it. */
export async function extendRunLease(sql: SqlOrTx, run: LeasedRun, until: Date): Promise<boolean> {
  const { count } = await sql`
    update reconciliation_runs set lease_until = ${until}
    where id = ${run.id} and status = 'running' and generation = ${run.generation}`;
  return count > 0;
}

/**
 * Keeps every other worker off the run until the transaction ends. Returns `false` when the run has ended or another worker has
 * it.
 */
export async function lockLeasedRun(tx: Tx, run: LeasedRun): Promise<boolean> {
  const rows = await tx`
    select 1 from reconciliation_runs
    where id = ${run.id} and status = 'running' and generation = ${run.generation} for share`;
  return rows.length > 0;
}

export async function finishRun(
  sql: Sql,
  run: LeasedRun,
  end: { status: 'completed' | 'incomplete' | 'failed'; counts: RunCounts | null; error: string | null; at: Date },
): Promise<void> {
  await sql.begin(async (tx) => {
    const [ended] = await tx<Run[]>`
    update reconciliation_runs set status = ${end.status}, counts = ${JSON.stringify(end.counts)}::text::jsonb,
      error = ${end.error}, finished_at = ${end.at}, lease_until = null
    where id = ${run.id} and status = 'running' and generation = ${run.generation} returning *`;
    if (ended === undefined) return;
    const { id, status, trigger, startedBy: started_by, counts, error } = ended;
    await tellUsers(tx, 'reconciliation.completed', { id, status, trigger, started_by, counts, error }, end.at);
  });
}

/** Returns the run that is under way or queued, or `null`. */
export async function openRun(sql: SqlOrTx): Promise<Run | null> {
  const [row] = await sql<Run[]>`
    select * from reconciliation_runs where status = any(${OPEN_RUN_STATUSES}::text[]) order by created_at limit 1`;
  return row ?? null;
}

/**
 * Returns runs whose worker died or whose queue job was lost. It sets their lease to end at `justNow` instead of clearing it, so
 * that they become overdue again when the new queue job is lost too. A run that a worker is comparing at this moment is skipped,
 * not waited for.
 */
export async function overdueRuns(sql: SqlOrTx, dueBefore: Date, justNow: Date): Promise<Run[]> {
  return sql<Run[]>`
    update reconciliation_runs set generation = generation + 1, lease_until = ${justNow}
    where id in (
      select id from reconciliation_runs
      where (status = 'running' and coalesce(lease_until, started_at, created_at) < ${dueBefore})
        or (status = 'queued' and greatest(created_at, coalesce(lease_until, created_at)) < ${dueBefore})
      for update skip locked
    )
    returning *`;
}
