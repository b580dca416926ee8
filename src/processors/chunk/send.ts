import type { WorkDeps } from '../../account/deps.ts';
import { type Chunk, touchChunk } from '../../db/chunks.ts';
import { ProvisioningError } from '../../domain/errors.ts';
import { type Outcome, snooze } from '../../domain/outcome.ts';
import type { E164 } from '../../domain/phone-number.ts';
import { afterFailure, noteAccepted } from './after-send.ts';
import { cancelledBeforeSending, claimChunk, lastCheck } from './claim.ts';
import type { Carry, ChunkKind, Prepared } from './kind.ts';
import { inHalves, type Settlement } from './settle.ts';
import { keptFor, mayPrepareIn, type Ready, waitForSlot } from './slot.ts';
import { movedByOthers, noteWait, settled } from './wait.ts';

/**
 * Takes a planned chunk to Telnyx in two steps: prepares it (guards and reads), then claims and sends it. A kind that takes a job
 * slot is prepared without one, and waits for its slot as a prepared chunk.
 */
export async function prepareAndSend(deps: WorkDeps, kind: ChunkKind, chunk: Chunk): Promise<Outcome> {
  const cancelled = await cancelledBeforeSending(deps, kind, chunk);
  if (cancelled !== null) return settled(deps, chunk, cancelled, 'cancelled');
  if (kind.jobSlot !== true) {
    const ready = await prepare(deps, kind, chunk);
    return 'outcome' in ready ? ready.outcome : send(deps, kind, ready);
  }
  if (deps.slots.mustYield()) return snooze(deps.timings.backoffMs, 'lets chunks go first that are open at Telnyx');
  const kept = keptFor(deps, chunk);
  const early = kept === null ? mayPrepareIn(deps) : 0;
  if (early > 0) return waitForSlot(deps, chunk, null, early);
  const ready = kept ?? (await deps.slots.prepare(() => prepare(deps, kind, chunk)));
  if ('outcome' in ready) return ready.outcome;
  return deps.slots.isNext(chunk) ? send(deps, kind, ready) : waitForSlot(deps, ready.chunk, ready);
}

/** Runs the guards of the kind. Returns what the call carries, or the outcome when nothing may leave. */
async function prepare(deps: WorkDeps, kind: ChunkKind, chunk: Chunk): Promise<Ready | { outcome: Outcome }> {
  const startedAt = deps.clock.now();
  const prepared = await kind.prepare(deps, chunk);
  if (prepared.kind !== 'ready') return { outcome: await notReady(deps, prepared) };
  // A worker that was suspended must not release or change numbers on data that it read long ago.
  const isStale = kind.holdsSlot && deps.clock.now().getTime() - startedAt.getTime() > deps.timings.leaseMs;
  if (isStale) return { outcome: await halve(deps, prepared.chunk, prepared.numbers) };
  const { numbers, payload } = prepared;
  return { chunk: prepared.chunk, numbers, payload, startedAt };
}

function notReady(deps: WorkDeps, prepared: Exclude<Prepared, { kind: 'ready' }>): Promise<Outcome> | Outcome {
  switch (prepared.kind) {
    case 'moved':
      return movedByOthers;
    case 'wait':
      return noteWait(deps, prepared.chunk, prepared.delayMs, prepared.reason);
    case 'settle':
      return settled(deps, prepared.chunk, prepared.settlement, 'not sent, because the guards changed its numbers');
    case 'too_slow':
      return halve(deps, prepared.chunk, prepared.numbers);
  }
}

/**
 * Halves a chunk whose numbers took too long to read. The same chunk would take too long again, and half of its numbers are read
 * faster.
 */
async function halve(deps: WorkDeps, chunk: Chunk, numbers: E164[]): Promise<Outcome> {
  if (numbers.length < 2) return snooze(deps.timings.backoffMs, 'read too long ago');
  const again = inHalves(numbers, { attempt: chunk.attempt });
  const settlement: Settlement = { cause: 'split', again, detail: { read_too_long_ago: true } };
  return settled(deps, chunk, settlement, 'halved, because it was read too long ago');
}

/** Sends the call once. The exact numbers and the payload are committed first, and the job slot is taken with them. */
async function send(deps: WorkDeps, kind: ChunkKind, ready: Ready): Promise<Outcome> {
  const { numbers, payload } = ready;
  const claimed = await claimChunk(deps, kind, ready.chunk, { numbers, payload });
  if (claimed === 'no_slot') return waitForSlot(deps, ready.chunk, ready);
  if (claimed === null) return movedByOthers;
  deps.slots.leave(claimed.id);
  const sent: E164[] = [];
  try {
    const accepted = await kind.send(deps.telnyx, claimed, lastCheck(deps, kind, claimed), carrying(deps, claimed, sent));
    return await noteAccepted(deps, kind, claimed, accepted);
  } catch (error) {
    const failed = sent.length === 0 ? claimed : { ...claimed, payload: { ...claimed.payload, sent } };
    return afterFailure(deps, kind, failed, error);
  }
}

/** Returns the `carry` of a claimed chunk: it adds the numbers to `sent` and writes `sent` into the row before they leave. */
function carrying(deps: WorkDeps, claimed: Chunk, sent: E164[]): Carry {
  return async (numbers) => {
    sent.push(...numbers);
    const noted = await touchChunk(deps.db.sql, claimed, deps.clock.now(), { payload: { ...claimed.payload, sent } });
    if (noted === null)
      throw new ProvisioningError('held_back', 'ambiguous', 'another worker moved the chunk while its numbers were sent');
  };
}
