import type { WorkDeps } from '../../account/deps.ts';
import { type Chunk, touchChunk } from '../../db/chunks.ts';
import { after } from '../../domain/clock.ts';
import { hold, type Outcome, snooze } from '../../domain/outcome.ts';
import type { ChunkKind } from './kind.ts';

/**
 * Somebody else moved the chunk, or its request no longer wants it sent, so the row is read again. Not `skipped`, which ends the
 * queue job: an open chunk without a queue job waits for the sweep, and looks like work that the queue has lost.
 */
export const movedByOthers: Outcome = snooze(1_000, 'somebody else moved this chunk');

/** Waits in the way of the kind: in its slot while the call may be open at Telnyx, else without one. */
export const pause = (kind: ChunkKind, delayMs: number, reason: string): Outcome =>
  kind.holdsSlot ? hold(delayMs, reason) : snooze(delayMs, reason);

/** Notes a wait without a move, so that the sweep knows that the chunk is cared for. Nothing is open at Telnyx: the slot is free. */
export async function noteWait(deps: WorkDeps, chunk: Chunk, delayMs: number, reason: string): Promise<Outcome> {
  const now = deps.clock.now();
  await touchChunk(deps.db.sql, chunk, now, { nextRunAt: after(now, delayMs), error: reason });
  return snooze(delayMs, reason);
}
