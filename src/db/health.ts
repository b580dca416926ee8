import { ProvisioningError } from '../domain/errors.ts';
import type { Sql } from './client.ts';

/**
 * Checks that the database answers and that its tables are there. Errors: `database_unavailable`, `database_not_migrated`, each
 * saying what to do.
 */
export async function assertUsable(sql: Sql): Promise<void> {
  const [row] = await answering(() => sql<{ found: boolean }[]>`select to_regclass('public.requests') is not null as found`);
  if (row?.found !== true)
    throw new ProvisioningError(
      'database_not_migrated',
      'rejected',
      'the database has no tables yet: run `provisioner migrate` first',
    );
}

/** Runs the first questions to a database; a failure that is not our own verdict says what to check. */
export async function answering<T>(ask: () => PromiseLike<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof ProvisioningError) throw error;
    const why = error instanceof AggregateError ? error.errors.map(String).join('; ') : String(error);
    throw new ProvisioningError(
      'database_unavailable',
      'retry',
      `Postgres does not answer (${why}); check DATABASE_URL and that it runs`,
      { cause: error },
    );
  }
}

/** The time of the database, in milliseconds since the epoch. */
export async function databaseTime(sql: Sql): Promise<number> {
  const [row] = await sql<{ ms: number }[]>`select (extract(epoch from clock_timestamp()) * 1000)::float8 as ms`;
  if (row === undefined) throw new Error('the database did not tell the time');
  return row.ms;
}

/** Asks for nothing but a connection of the pool. */
export async function takeConnection(sql: Sql): Promise<void> {
  await sql`select 1`;
}

/** Takes the right to be the only worker process on this database, until the connection ends; `null` when another has it. */
export async function takeSoleWorker(sql: Sql): Promise<(() => Promise<void>) | null> {
  const connection = await sql.reserve();
  const [lock] = await connection<{ got: boolean }[]>`select pg_try_advisory_lock(${SOLE_WORKER_LOCK}) as got`;
  if (lock?.got !== true) {
    connection.release();
    return null;
  }
  // The lock ends with the connection. No query on it: one that the server has closed meanwhile would never answer.
  return async () => connection.release();
}

const SOLE_WORKER_LOCK = 7_105_020_004;

/** How work stands by the rows, whatever the queue says. */
export interface Standstill {
  /** Open work is overdue since before the moment asked about. */
  overdue: boolean;
  /** When something last moved: an event, or a poll of an open chunk. */
  movedAt: Date | null;
  /** When a worker last swept: it notes the limits of the account each time. */
  sweptAt: Date | null;
}

/** Asked every few seconds by every process, so it looks at open rows and at the last event only. */
export async function lookForStandstill(sql: Sql, overdueBefore: Date): Promise<Standstill> {
  const [row] = await sql<Standstill[]>`
    select exists (
        select 1 from chunks
        where state in ('planned', 'submitting', 'submitted', 'ambiguous') and next_run_at < ${overdueBefore}
      ) or exists (
        select 1 from lines l join requests r on r.id = l.request_id
        where l.next_run_at < ${overdueBefore} and r.status <> 'awaiting_approval'
      ) as overdue,
      greatest(
        (select at from events order by id desc limit 1),
        (select max(updated_at) from chunks where state not in ('settled', 'cancelled') and next_run_at is not null)
      ) as moved_at,
      (select limits_at from account) as swept_at`;
  return row ?? { overdue: false, movedAt: null, sweptAt: null };
}

export interface Backlog {
  kind: string;
  status: string;
  n: number;
}

/** What open requests still owe, for the metrics. */
export async function openBacklog(sql: Sql): Promise<{ items: Backlog[]; needsAttention: number }> {
  const items = await sql<Backlog[]>`
    select r.kind, i.status, count(*)::int as n from items i join requests r on r.id = i.request_id
    where i.status in ('pending', 'in_flight') group by 1, 2`;
  const [parked] = await sql<{ n: number }[]>`select count(*)::int as n from chunks where state = 'needs_attention'`;
  return { items: [...items], needsAttention: parked?.n ?? 0 };
}
