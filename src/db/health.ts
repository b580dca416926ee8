import postgres from 'postgres';
import { FINAL_STATES, WORKING_STATES } from '../domain/chunk.ts';
import { asError, ProvisioningError } from '../domain/errors.ts';
import { OPEN_ITEM_STATUSES } from '../domain/request.ts';
import { databaseTrouble } from './away.ts';
import type { Reads, Sql } from './client.ts';

/**
 * Checks that the database answers and has its tables. Errors: `database_unavailable`, `database_not_migrated`. Each message says
 * what to do.
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

/**
 * Runs the first queries to a database. A failure that is not a ProvisioningError becomes `database_unavailable`, which says what
 * to check.
 */
export async function answering<T>(ask: () => PromiseLike<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof ProvisioningError) throw error;
    throw new ProvisioningError(
      'database_unavailable',
      'retry',
      databaseTrouble(asError(error)) ?? `Postgres refuses the first query: ${asError(error).message}`,
      { cause: error },
    );
  }
}

/** Returns the time of the database, in milliseconds since the epoch. */
export async function databaseTime(sql: Sql): Promise<number> {
  const [row] = await sql<{ ms: number }[]>`select (extract(epoch from clock_timestamp()) * 1000)::float8 as ms`;
  if (row === undefined) throw new Error('the database did not tell the time');
  return row.ms;
}

/** Returns true when the database at `url` (`postgres://…`) answers a query within seconds, and false after any error. */
export async function answers(url: string): Promise<boolean> {
  const client = postgres(url, { max: 1, fetch_types: false, connect_timeout: 3, onnotice: () => undefined });
  try {
    await client`select 1`;
    return true;
  } catch {
    return false;
  } finally {
    await client.end({ timeout: 1 });
  }
}

/** Takes one connection of the pool for work and gives it back. */
export async function takeConnection(sql: Sql): Promise<void> {
  await sql`select 1`;
}

/** Takes one connection of the pool for readers and gives it back. */
export async function takeReader(reads: Reads): Promise<void> {
  await reads((q) => q.execute('select 1'));
}

/** Returns version and time of the server. */
export async function serverFacts(sql: Sql): Promise<{ version: string; now: Date } | null> {
  const [row] = await sql<{ version: string; now: Date }[]>`
    select current_setting('server_version') as version, clock_timestamp() as now`;
  return row ?? null;
}

/**
 * Sends the same statements over two connections at once, as workers do, so that `doctor` finds a pooler that mixes up prepared
 * statements.
 */
export async function askTwice(sql: Sql): Promise<void> {
  const ask = () =>
    sql.begin(async (tx) => {
      for (const n of [1, 2]) await tx`select ${n}::int as n, ${['a', null]}::text[] as list`;
    });
  await Promise.all([ask(), ask()]);
  await Promise.all([1, 2, 3, 4].map((n) => sql`select ${n}::int as n`));
}

/** The progress of work by the rows, without asking the queue. */
export interface Standstill {
  /** True when open work has been overdue since before the given moment. */
  overdue: boolean;
  /** The time of the last event since the given moment, or of the last poll of an open chunk. */
  movedAt: Date | null;
  /** The time of the last sweep. Each sweep notes the limits of the account. */
  sweptAt: Date | null;
}

/** Every process asks this every few seconds, so the query reads open rows and the events since that moment only. */
export async function findStandstill(sql: Sql, overdueBefore: Date): Promise<Standstill> {
  const [row] = await sql<Standstill[]>`
    select exists (
        select 1 from chunks
        where state = any(${WORKING_STATES}::text[]) and next_run_at < ${overdueBefore}
      ) or exists (
        select 1 from lines l join requests r on r.id = l.request_id
        where l.next_run_at < ${overdueBefore} and r.status <> 'awaiting_approval'
      ) as overdue,
      greatest(
        (select max(at) from events where at > ${overdueBefore}),
        (select max(updated_at) from chunks where state <> all(${FINAL_STATES}::text[]) and next_run_at is not null)
      ) as moved_at,
      (select limits_at from account) as swept_at`;
  return row ?? { overdue: false, movedAt: null, sweptAt: null };
}

export interface Backlog {
  kind: string;
  status: string;
  n: number;
}

/** Counts what open requests still owe, for the metrics. */
export async function openBacklog(sql: Sql): Promise<{ items: Backlog[]; needsAttention: number }> {
  const items = await sql<Backlog[]>`
    select r.kind, i.status, count(*)::int as n from items i join requests r on r.id = i.request_id
    where i.status = any(${OPEN_ITEM_STATUSES}::text[]) group by 1, 2`;
  const [parked] = await sql<{ n: number }[]>`select count(*)::int as n from chunks where state = 'needs_attention'`;
  return { items: [...items], needsAttention: parked?.n ?? 0 };
}
