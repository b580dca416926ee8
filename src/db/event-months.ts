import postgres from 'postgres';
import { ProvisioningError } from '../domain/errors.ts';
import type { Sql, SqlOrTx } from './client.ts';

/** So many months after the present one have their partition. A worker that does not run for that long harms nothing. */
const MONTHS_AHEAD = 3;
/**
 * The wait for a lock, in milliseconds. It is shorter than `deadlock_timeout` (a second by default): a writer that waits for us,
 * while we wait for it, goes on before Postgres ends its transaction.
 */
const LOCK_MS = 500;
const MOST_WAITS = 20;
const LOCK_NOT_AVAILABLE = '55P03';

/**
 * Makes the missing partitions of `events`, up to three months after the one of `now`, and answers their names. Several processes
 * may call it at once. Events that came for a month before its partition was made are moved from the default partition into it.
 * Errors: `database_unavailable` when other transactions kept the table for ten seconds; the default partition takes the events
 * until the next call.
 */
export async function makeEventMonths(sql: Sql, now: Date): Promise<string[]> {
  const until = firstOfMonth(now, MONTHS_AHEAD + 1);
  const made: string[] = [];
  let waits = 0;
  while ((await coveredUntil(sql)) < until) {
    try {
      const name = await makeNext(sql, until);
      if (name !== null) made.push(name);
    } catch (error) {
      if (!(error instanceof postgres.PostgresError) || error.code !== LOCK_NOT_AVAILABLE) throw error;
      waits += 1;
      if (waits < MOST_WAITS) continue;
      const text = 'other transactions keep the table events, so the partition of its next month was not made';
      throw new ProvisioningError('database_unavailable', 'retry', text, { cause: error });
    }
  }
  return made;
}

/** Makes one partition. Answers `null` when another process made the last one meanwhile. */
async function makeNext(sql: Sql, until: Date): Promise<string | null> {
  return sql.begin(async (tx) => {
    await tx`select set_config('lock_timeout', ${String(LOCK_MS)}, true)`;
    // An insert that has chosen the default partition must not find that its event belongs elsewhere by now: it would fail.
    await tx`lock table events_default in access exclusive mode`;
    await tx`lock table events in share row exclusive mode`;
    const from = await coveredUntil(tx);
    if (from >= until) return null;
    const to = firstOfMonth(from, 1);
    const name = `events_${from.toISOString().slice(0, 7).replace('-', '_')}`;
    await tx`create table ${tx(name)} (like events including all)`;
    await tx`
      with moved as (delete from events_default where at >= ${from} and at < ${to} returning *)
      insert into ${tx(name)} select * from moved`;
    // A definition takes no parameters. Both texts are dates that this function made.
    await tx.unsafe(
      `alter table events attach partition ${name} for values from ('${from.toISOString()}') to ('${to.toISOString()}')`,
    );
    return name;
  });
}

/** The end of the newest month that has a partition. There is no gap before it. */
async function coveredUntil(sql: SqlOrTx): Promise<Date> {
  const [row] = await sql<{ end: Date | null }[]>`
    select max(nullif(split_part(split_part(pg_get_expr(c.relpartbound, c.oid), ' TO (''', 2), '''', 1), '')::timestamptz) as "end"
    from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = to_regclass('events')`;
  if (row?.end == null) throw new ProvisioningError('database_not_migrated', 'rejected', 'the table events has no partitions');
  return row.end;
}

/** The first moment, in UTC, of the month that is `more` months after that of `at`. */
function firstOfMonth(at: Date, more: number): Date {
  return new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + more, 1));
}
