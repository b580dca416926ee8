import type { WorkDeps } from '../../account/deps.ts';
import { type Chunk, touchChunk } from '../../db/chunks.ts';
import { after } from '../../domain/clock.ts';
import { done, hold, type Outcome, snooze } from '../../domain/outcome.ts';
import type { ChunkKind } from './kind.ts';
import { type Settlement, settleChunk } from './settle.ts';

/**
 * Another worker moved the chunk, or its request no longer wants it sent, so the row is read again soon. The outcome is not
 * `skipped`, which would end the queue job: an open chunk without a queue job waits for the sweep, and the sweep would report it
 * as work that the queue lost.
 */
export const movedByOthers: Outcome = snooze(1_000, 'another worker moved this chunk');

/** Waits as the kind requires: in its slot while the call may be open at Telnyx, otherwise without a slot. */
export const pause = (kind: ChunkKind, delayMs: number, reason: string, wake?: Promise<unknown>): Outcome =>
  kind.holdsSlot ? hold(delayMs, reason, wake) : snooze(delayMs, reason);

/** Settles the chunk, and says what was done. */
export async function settled(deps: WorkDeps, chunk: Chunk, settlement: Settlement, said: string): Promise<Outcome> {
  return (await settleChunk(deps, chunk, settlement)) ? done(said) : movedByOthers;
}

/**
 * Records a wait, so that the sweep knows that a queue job cares for the chunk. Nothing is open at Telnyx, so the slot is given
 * back.
 */
export async function noteWait(deps: WorkDeps, chunk: Chunk, delayMs: number, reason: string): Promise<Outcome> {
  const now = deps.clock.now();
  await touchChunk(deps.db.sql, chunk, now, { nextRunAt: after(now, delayMs), error: reason });
  return snooze(delayMs, reason);
}
