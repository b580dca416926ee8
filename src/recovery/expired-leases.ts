import type { WorkDeps } from '../account/deps.ts';
import { expiredCalls, moveChunk } from '../db/chunks.ts';
import { after } from '../domain/clock.ts';
import { seeing } from '../domain/evidence.ts';

/**
 * Makes claimed chunks ambiguous whose lease has run out: the worker is gone, or its event loop was blocked. Nobody knows whether
 * the call left, so the account is checked. Returns the ids of the chunks that it moved.
 */
export async function rescueStuck(deps: WorkDeps): Promise<string[]> {
  const at = deps.clock.now();
  const rescued: string[] = [];
  for (const chunk of await expiredCalls(deps.db.sql, at, 500)) {
    const moved = await moveChunk(deps.db.sql, chunk, {
      cause: 'lease_expired',
      at,
      patch: {
        // The call may have left as late as the end of its lease, so the settling window starts now.
        ambiguousAt: at,
        nextRunAt: after(at, 0),
        leaseToken: null,
        leaseUntil: null,
        evidence: seeing(chunk.evidence, { phase: 'unknown', because: 'lease_expired', checks: [] }),
      },
    });
    if (moved === null) continue;
    rescued.push(moved.id);
    deps.log.warn(
      { chunkId: moved.id, requestId: moved.requestId },
      'the worker that sent this chunk is gone; checking what became of the call',
    );
  }
  return rescued;
}
