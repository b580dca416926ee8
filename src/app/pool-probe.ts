import type { Db } from '../db/client.ts';
import { takeConnection, takeReader } from '../db/health.ts';
import { endsWithin } from '../domain/deadline.ts';
import type { Metrics } from '../observability/metrics.ts';

/** A pool that gives out no connection for this long is stuck, and everything that needs it stands still. */
export const POOL_MS = 5_000;

type Pool = 'work' | 'reads';

/**
 * Asks each pool for a connection and names those that gave none in time. While a question is open, it is not asked again. It
 * waits in the same line as all others, so its age is how long they wait.
 */
export function poolProbe(db: Pick<Db, 'sql' | 'reads'>, metrics: Metrics, withinMs: number = POOL_MS): () => Promise<Pool[]> {
  const asked = new Map<Pool, number>();
  const open = new Map<Pool, Promise<void>>();
  const ask = (pool: Pool): Promise<void> => {
    const known = open.get(pool);
    if (known !== undefined) return known;
    asked.set(pool, performance.now());
    // A failure is an answer too: the pool gave a connection, or said why not.
    const asking = (pool === 'work' ? takeConnection(db.sql) : takeReader(db.reads))
      .catch(() => undefined)
      .finally(() => open.delete(pool));
    open.set(pool, asking);
    return asking;
  };
  const check = async (pool: Pool): Promise<Pool[]> => {
    const inTime = await endsWithin(ask(pool), withinMs);
    metrics.poolWaitSeconds.set({ pool }, (performance.now() - (asked.get(pool) ?? 0)) / 1_000);
    metrics.poolStuck.set({ pool }, inTime ? 0 : 1);
    return inTime ? [] : [pool];
  };
  return async () => (await Promise.all([check('work'), check('reads')])).flat();
}
