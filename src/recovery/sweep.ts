import type { WorkDeps } from '../account/deps.ts';
import { probeGate } from '../account/gate.ts';
import { noteLimits } from '../db/account.ts';
import { takeSweep } from '../db/locks.ts';
import { refreshRequest, requestsBehind } from '../db/requests.ts';
import { asError } from '../domain/errors.ts';
import { logEnd } from '../producers/log-lines.ts';
import { rescueStuck } from './expired-leases.ts';
import { judgeCanaries } from './judge-canaries.ts';
import { requeueOrphans } from './requeue-lost.ts';

/** How many chunks were made ambiguous, queue jobs added or woken, and requests ended. */
export interface SweepResult {
  rescued: number;
  requeued: number;
  ended: number;
}

/**
 * Does one round of recovery: handles expired leases, puts lost work back, judges ended canaries, ends finished requests, probes a closed account gate.
 * Every process tries, and an advisory lock lets one through; `null` when another process has the lock. A failed part does not
 * stop the next one.
 */
export async function sweepOnce(deps: WorkDeps): Promise<SweepResult | null> {
  // A transaction is used instead of a reserved connection: when the server goes away, a transaction is rejected, and a reserved
  // connection would hang for ever.
  return deps.db.sql.begin(async (tx) => {
    return (await takeSweep(tx)) ? allParts(deps) : null;
  });
}

async function allParts(deps: WorkDeps): Promise<SweepResult> {
  const attempt = async <T>(part: string, run: () => Promise<T>, otherwise: T): Promise<T> => {
    try {
      return await run();
    } catch (error) {
      deps.log.error({ err: asError(error), part }, 'a part of the sweep failed; it runs again soon');
      return otherwise;
    }
  };
  const rescued = await attempt('rescue', () => rescueStuck(deps), []);
  const requeued = await attempt('requeue', () => requeueOrphans(deps), 0);
  await attempt('canaries', () => judgeCanaries(deps), 0);
  const ended = await attempt('end', () => endRequests(deps), 0);
  await attempt('probe', () => probeGate(deps), 'not_due');
  await attempt('limits', () => noteLimits(deps.db.sql, deps.telnyx.limits(), deps.clock.now()), undefined);
  return { rescued: rescued.length, requeued, ended };
}

async function endRequests(deps: WorkDeps): Promise<number> {
  let ended = 0;
  for (const id of await requestsBehind(deps.db.sql, deps.clock.now(), 200)) {
    const row = await deps.db.sql.begin((tx) => refreshRequest(tx, id, deps.clock.now()));
    await logEnd(deps, row);
    if (row !== null && row.finishedAt !== null) ended += 1;
  }
  return ended;
}
