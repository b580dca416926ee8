import type { Sql, Tx } from './client.ts';

// Any numbers, but the same in every process, because processes meet on them.
const SWEEP_LOCK = 7_105_020_003;
const SOLE_WORKER_LOCK = 7_105_020_004;

/** Takes the right to sweep until the transaction ends. `false` when another process is sweeping. */
export async function takeSweep(tx: Tx): Promise<boolean> {
  const [lock] = await tx<{ got: boolean }[]>`select pg_try_advisory_xact_lock(${SWEEP_LOCK}) as got`;
  return lock?.got === true;
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
