import type { WorkDeps } from '../../account/deps.ts';
import { type Chunk, touchChunk } from '../../db/chunks.ts';
import { releaseClaims } from '../../db/items.ts';
import { lockRequest } from '../../db/requests.ts';
import { after } from '../../domain/clock.ts';
import { chunkHeldBack, type Held } from '../../domain/hold.ts';
import { done, hold, type Outcome, skipped, snooze } from '../../domain/outcome.ts';
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
