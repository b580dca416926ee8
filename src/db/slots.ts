import type { SqlOrTx, Tx } from './client.ts';

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
 * Takes the lock under which job slots are given out, until the transaction ends, and says whether one of `most` is free. Take the
 * lock of the request first. The rows are the slots: all processes count the same ones, and a lost queue changes nothing.
 */
export async function mayTakeSlot(tx: Tx, most: number): Promise<boolean> {
  await tx`select pg_advisory_xact_lock(${SLOT_LOCK})`;
  const [row] = await tx<{ n: number }[]>`select count(*)::int as n from chunks where ${openCalls(tx)}`;
  return (row?.n ?? 0) < most;
}

/** How many slots are taken, and how many of their chunks nobody has followed since they were due before `neglectedSince`. */
export async function countSlots(sql: SqlOrTx, neglectedSince: Date): Promise<{ taken: number; neglected: number }> {
  const [row] = await sql<{ taken: number; neglected: number }[]>`
    select count(*)::int as taken, count(*) filter (where next_run_at < ${neglectedSince})::int as neglected
    from chunks where ${openCalls(sql)}`;
  return row ?? { taken: 0, neglected: 0 };
}
