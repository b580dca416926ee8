import type { WorkDeps } from '../../account/deps.ts';
import { logUnlessOff } from '../../account/feature-off.ts';
import { whySpendingStopped } from '../../account/gate.ts';
import type { Chunk } from '../../db/chunks.ts';
import { ProvisioningError } from '../../domain/errors.ts';
import { type Outcome, snooze } from '../../domain/outcome.ts';
import { cancelledBeforeSending, claimSubmission, lastLook, movedByOthers, noteAccepted, noteWait } from '../chunk/after-send.ts';
import { refreshSearch } from '../guards/refresh-search.ts';
import { waitsForOtherHalf } from './bisect-order.ts';
import { orderRefused } from './refused-order.ts';

/** Sends a planned order once: the numbers are committed first, and a lost reply makes the chunk ambiguous. */
export async function submitOrder(deps: WorkDeps, chunk: Chunk): Promise<Outcome> {
  if (chunk.step.kind !== 'order') throw new ProvisioningError('wrong_step', 'bug', `chunk ${chunk.id} is no order`);
  const cancelled = await cancelledBeforeSending(deps, chunk);
  if (cancelled !== null) return cancelled;
  const stopped = await whySpendingStopped(deps);
  if (stopped !== null) return noteWait(deps, chunk, deps.timings.backoffMs, stopped);
  if (await waitsForOtherHalf(deps, chunk))
    return noteWait(deps, chunk, deps.timings.backoffMs, 'the other half of the order goes first');
  const changed = await refreshSearch(deps, chunk);
  if (changed !== null) return changed;
  // Once: the first claim leaves its time.
  if (chunk.step.settings.reserve === true && chunk.submittingAt === null) await reserve(deps, chunk);

  const claimed = await claimSubmission(deps, chunk, { numbers: chunk.numbers, step: chunk.step });
  if (claimed === null) return movedByOthers;
  try {
    const order = await deps.telnyx.createOrder(
      claimed.numbers,
      claimed.customerReference,
      chunk.step.settings,
      lastLook(deps, claimed),
    );
    return (await noteAccepted(deps, claimed, order.id)) === null ? movedByOthers : snooze(deps.timings.pollMinMs, 'ordered');
  } catch (error) {
    return orderRefused(deps, claimed, error);
  }
}

/** Holds the numbers for half an hour. Not held is no obstacle: they are ordered all the same (85006, 85007). */
async function reserve(deps: WorkDeps, chunk: Chunk): Promise<void> {
  try {
    await deps.telnyx.reserve(chunk.numbers, chunk.customerReference);
  } catch (error) {
    logUnlessOff(deps, error, { chunkId: chunk.id, requestId: chunk.requestId }, 'not reserved, ordering without');
  }
}
