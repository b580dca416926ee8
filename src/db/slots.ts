import type { SqlOrTx, Tx } from './client.ts';
import type { requests } from './schema/index.ts';

type Request = typeof requests.$inferSelect;

// The value is arbitrary, but every process must use the same one.
const SLOT_LOCK = 7_105_020_005;

/**
 * The chunks whose batch job may be open at Telnyx: sent, and Telnyx has not said its last word. A chunk that only waits to be settled
 * has given its slot back.
 */
const openCalls = (sql: SqlOrTx) => sql`
  kind in ('update', 'delete') and state in ('submitting', 'submitted', 'ambiguous')
    and (evidence -> 'seen' ->> 'phase') is distinct from 'final'`;

/**
 * Locks the request, and then the lock under which job slots are given out, until the transaction ends. The rows are the slots: all
 * processes count the same ones, and a lost queue changes nothing. Count them in a later statement, which sees what others committed
 * before they gave the lock away.
 */
export async function lockForSlot(tx: Tx, requestId: string): Promise<Request | null> {
  const [row] = await tx<(Request & { pgAdvisoryXactLock?: unknown })[]>`
    with locked as materialized (select * from requests where id = ${requestId} for no key update)
    select locked.*, pg_advisory_xact_lock(${SLOT_LOCK}) from locked`;
  if (row === undefined) return null;
  const { pgAdvisoryXactLock: _, ...request } = row;
  return request;
}

/** A condition: fewer than `most` slots are taken. */
export const hasFreeSlot = (sql: SqlOrTx, most: number) => sql`(select count(*) from chunks where ${openCalls(sql)}) < ${most}`;

/** Says whether one of `most` slots is free. */
export async function isSlotFree(sql: SqlOrTx, most: number): Promise<boolean> {
  const [row] = await sql<{ free: boolean }[]>`select ${hasFreeSlot(sql, most)} as free`;
  return row?.free === true;
}

/** How many slots are taken, and how many of their chunks nobody has followed since they were due before `neglectedSince`. */
export async function countSlots(sql: SqlOrTx, neglectedSince: Date): Promise<{ taken: number; neglected: number }> {
  const [row] = await sql<{ taken: number; neglected: number }[]>`
    select count(*)::int as taken, count(*) filter (where next_run_at < ${neglectedSince})::int as neglected
    from chunks where ${openCalls(sql)}`;
  return row ?? { taken: 0, neglected: 0 };
}
