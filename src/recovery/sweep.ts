import type { WorkDeps } from '../account/deps.ts';
import { probeGate } from '../account/gate.ts';
import { noteLimits } from '../db/account.ts';
import { takeSweep } from '../db/locks.ts';
import { endableRequests, refreshRequest } from '../db/requests.ts';
import { asError } from '../domain/errors.ts';
import { rescueStuck } from './expired-leases.ts';
import { requeueOrphans } from './requeue-lost.ts';

export interface SweepResult {
  rescued: number;
  requeued: number;
  ended: number;
}

/**
 * One round of recovery: rescue expired leases, put lost work back, end finished requests, probe a closed gate. Every process
 * tries; an advisory lock lets one through. `null` when another one has it. Each part is tried even when one before failed.
 */
export async function sweepOnce(deps: WorkDeps): Promise<SweepResult | null> {
  // A transaction and not a reserved connection: when the server goes away it is rejected, a reserved one would hang for ever.
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
  const ended = await attempt('end', () => endRequests(deps), 0);
  await attempt('probe', () => probeGate(deps), 'not_due');
  await attempt('limits', () => noteLimits(deps.db.sql, deps.telnyx.limits(), deps.clock.now()), undefined);
  return { rescued: rescued.length, requeued, ended };
}

async function endRequests(deps: WorkDeps): Promise<number> {
  let ended = 0;
  for (const id of await endableRequests(deps.db.sql, 200)) {
    const row = await deps.db.sql.begin((tx) => refreshRequest(tx, id, deps.clock.now()));
    if (row !== null) ended += 1;
  }
  return ended;
}
