import type { Sql, Tx } from './client.ts';

// The values are arbitrary, but every process must use the same ones.
const SWEEP_LOCK = 7_105_020_003;
const SOLE_WORKER_LOCK = 7_105_020_004;

/** Takes the right to sweep until the transaction ends. Returns `false` when another process is sweeping. */
export async function takeSweep(tx: Tx): Promise<boolean> {
  const [lock] = await tx<{ got: boolean }[]>`select pg_try_advisory_xact_lock(${SWEEP_LOCK}) as got`;
  return lock?.got === true;
}

/**
 * Takes the right to be the only worker process on this database until the connection ends. Returns `null` when another process
 * has it.
 */
export async function takeSoleWorker(sql: Sql): Promise<(() => Promise<void>) | null> {
  const connection = await sql.reserve();
  const [lock] = await connection<{ got: boolean }[]>`select pg_try_advisory_lock(${SOLE_WORKER_LOCK}) as got`;
  if (lock?.got !== true) {
    connection.release();
    return null;
  }
  // The lock ends with the connection. No query is sent on it, because a connection that the server closed would never answer.
  return async () => connection.release();
}
