import type { WorkDeps } from '../../account/deps.ts';
import { type Chunk, touchChunk } from '../../db/chunks.ts';
import { releaseClaims } from '../../db/items.ts';
import { lockRequest } from '../../db/requests.ts';
import { chunkHeldBack, type Held } from '../../domain/hold.ts';
import { type Outcome, skipped, snooze } from '../../domain/outcome.ts';
import { movedByOthers } from './wait.ts';

/**
 * Parks a planned chunk whose request is held back: it is not due before the hold ends, and needs no queue job until then. What ends
 * the hold makes it due again in a transaction that locks the request, as this one does, so neither misses the other. An update or a
 * release lets its numbers go meanwhile, and other requests may work on them; a buy keeps those that it has found and priced.
 */
export async function parkHeld(deps: WorkDeps, chunk: Chunk, seen: Held): Promise<Outcome> {
  const now = deps.clock.now();
  const parked = await deps.db.sql.begin(async (tx) => {
    const request = await lockRequest(tx, chunk.requestId);
    const held = request === null ? null : chunkHeldBack(request, chunk, now);
    if (request === null || held === null) return { kind: 'free' as const };
    const row = await touchChunk(tx, chunk, now, { nextRunAt: held.until });
    if (row === null) return { kind: 'moved' as const };
    if (request.kind !== 'buy') await releaseClaims(tx, request.id, chunk.numbers);
    return { kind: 'parked' as const, held };
  });
  if (parked.kind === 'free') return snooze(0, `no longer held back: ${seen.reason}`);
  if (parked.kind === 'moved') return movedByOthers;
  const { until, reason } = parked.held;
  return until === null ? skipped(reason) : snooze(until.getTime() - now.getTime(), reason);
}
