import { type Chunk, touchChunk } from '../db/chunks.ts';
import { seeing, seenIn } from '../domain/evidence.ts';
import { hold, type Outcome } from '../domain/outcome.ts';
import type { E164 } from '../domain/phone-number.ts';
import type { Payload } from '../domain/step.ts';
import type { WorkDeps } from './deps.ts';
import type { Slots } from './slots.ts';

/** A prepared chunk: what its call carries, and when its guards began to read. */
export interface Ready {
  chunk: Chunk;
  numbers: E164[];
  payload: Payload;
  startedAt: Date;
}

/** The prepared chunks of this process that wait for a slot. A worker that dies loses nothing but the reads. */
const PREPARED = new WeakMap<Slots, Map<string, Ready>>();

function preparedOf({ slots }: WorkDeps): Map<string, Ready> {
  const map = PREPARED.get(slots) ?? new Map<string, Ready>();
  PREPARED.set(slots, map);
  return map;
}

/** What was checked longer ago than this, in milliseconds, is checked again before it is sent. */
const freshMs = (deps: WorkDeps): number => deps.timings.leaseMs / 2;

/**
 * What was prepared for this chunk earlier. Returns `null` when nothing was, when it was read too long ago, or when the row has changed
 * since. A chunk that must be read again passes its turn on to the next one, so that no slot stays free meanwhile.
 */
export function keptFor(deps: WorkDeps, chunk: Chunk): Ready | null {
  const prepared = preparedOf(deps);
  const ready = prepared.get(chunk.id);
  if (ready === undefined) return null;
  const isFresh = deps.clock.now().getTime() - ready.startedAt.getTime() <= freshMs(deps);
  const isSame = ready.chunk.generation === chunk.generation && ready.chunk.updatedAt.getTime() === chunk.updatedAt.getTime();
  if (isFresh && isSame) return ready;
  prepared.delete(chunk.id);
  deps.slots.freed();
  return null;
}

/**
 * In how many milliseconds a chunk should be prepared, 0 for now. As many chunks are prepared ahead as slots will become free while
 * their reads are fresh.
 */
export function mayPrepareIn(deps: WorkDeps): number {
  const ends = deps.openJobs.expectedEnds();
  if (ends.length < deps.slots.most) return 0;
  const end = ends[Math.min(preparedOf(deps).size, ends.length - 1)] ?? 0;
  return Math.max(0, end - Date.now() - freshMs(deps));
}

/** Keeps the place in the queue until a slot is free, or until `delayMs` have passed. The row stays as it is. */
export function waitForSlot(deps: WorkDeps, chunk: Chunk, ready: Ready | null, delayMs = deps.timings.pollMaxMs): Outcome {
  if (ready !== null) preparedOf(deps).set(chunk.id, ready);
  return hold(delayMs, 'waits for a job slot', deps.slots.wait(chunk, delayMs));
}

/**
 * Notes that Telnyx has said its last word on the call: from here on the chunk has no slot, and the next chunk takes it. The numbers
 * are settled after that. Returns `null` when another worker moved the chunk.
 */
export async function giveSlotBack(deps: WorkDeps, chunk: Chunk): Promise<Chunk | null> {
  if (seenIn(chunk.evidence, 'final') !== undefined) return chunk;
  const evidence = seeing(chunk.evidence, { phase: 'final', checks: [] });
  const over = await touchChunk(deps.db.sql, chunk, deps.clock.now(), { evidence });
  if (over !== null) deps.slots.freed();
  return over;
}

/** After each move: forgets a chunk that waits for no slot any more. One that gave its slot or its turn back lets the next one try. */
export function noteSlot(deps: WorkDeps, before: Chunk, outcome: Outcome): Outcome {
  if (outcome.kind === 'hold') return outcome;
  preparedOf(deps).delete(before.id);
  deps.slots.leave(before.id);
  if (before.state !== 'submitted') deps.slots.freed();
  return outcome;
}
