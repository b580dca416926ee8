import type { Chunk } from '../db/chunks.ts';
import { ProvisioningError } from '../domain/errors.ts';
import { done, type Outcome, snooze } from '../domain/outcome.ts';
import { whySpendingStopped } from '../reconcile/account-gate.ts';
import type { WorkDeps } from '../reconcile/deps.ts';
import { refreshSearch } from './refresh-search.ts';
import { lossOf, settleChunk, settleHalved } from './settle.ts';
import {
  cancelledBeforeSending,
  claimSubmission,
  failAll,
  failureOfSending,
  lastLook,
  movedByOthers,
  noteAccepted,
  noteReplyLost,
  noteWait,
  tryLater,
} from './submission.ts';

/** Sends a planned order once: the numbers are committed first, and a lost reply makes the chunk ambiguous. */
export async function submitOrder(deps: WorkDeps, chunk: Chunk): Promise<Outcome> {
  if (chunk.step.kind !== 'order') throw new ProvisioningError('wrong_step', 'bug', `chunk ${chunk.id} is no order`);
  const cancelled = await cancelledBeforeSending(deps, chunk);
  if (cancelled !== null) return cancelled;
  const stopped = await whySpendingStopped(deps);
  if (stopped !== null) return noteWait(deps, chunk, deps.timings.backoffMs, stopped);
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

/** What a failed order call means, by its disposition. Anything unknown is ambiguous: the call may have left. */
async function orderRefused(deps: WorkDeps, chunk: Chunk, error: unknown): Promise<Outcome> {
  const failure = failureOfSending(error, 'order');
  if (failure.disposition === 'ambiguous') {
    await noteReplyLost(deps, chunk, failure);
    return snooze(deps.timings.lookMinMs, 'reply lost');
  }
  if (failure.disposition === 'retry' || failure.disposition === 'account') return tryLater(deps, chunk, failure);
  if (failure.code === 'search_expired') return rearm(deps, chunk, failure);
  if (failure.code === 'too_many_numbers')
    return chunk.numbers.length === 1 ? failAll(deps, chunk, failure) : halveOrder(deps, chunk, 'refused_split', failure.code);
  if (failure.code === 'numbers_gone' || failure.code === 'already_reserved') return numbersGone(deps, chunk, failure);
  return failAll(deps, chunk, failure);
}

/** Holds the numbers for half an hour. Not held is no obstacle: they are ordered all the same (85006, 85007). */
async function reserve(deps: WorkDeps, chunk: Chunk): Promise<void> {
  try {
    await deps.telnyx.reserve(chunk.numbers, chunk.customerReference);
  } catch (error) {
    deps.log.warn({ err: error, chunkId: chunk.id, requestId: chunk.requestId }, 'not reserved, ordering without');
  }
}

/** 85000: the search was too long ago. The next run searches first; a second refusal is taken at its word. */
async function rearm(deps: WorkDeps, chunk: Chunk, failure: ProvisioningError): Promise<Outcome> {
  if (chunk.errorCode === failure.code) return numbersGone(deps, chunk, failure);
  return tryLater(deps, chunk, failure, true);
}

/**
 * 85001 says that at least one number is gone, perhaps because an earlier try of ours got it, or because the call was doubled on
 * its way. After a lost reply, and for a single number, that is looked up like any unknown outcome; several are halved first.
 */
async function numbersGone(deps: WorkDeps, chunk: Chunk, failure: ProvisioningError): Promise<Outcome> {
  // A person's "not sent" stands: what is ours by now was bought by other means, so only single numbers are looked up.
  const wasResent = (chunk.evidence?.resent ?? 0) > 0 && chunk.evidence?.declared !== true;
  if (!wasResent && chunk.numbers.length > 1) return halveOrder(deps, chunk, 'refused_split', failure.code);
  await noteReplyLost(deps, chunk, failure, 'maybe_ours_already');
  return snooze(deps.timings.lookMinMs, 'perhaps ours already');
}

/** Sends the numbers out again as two orders: to find those that are gone, or because Telnyx calls the order too large. */
export async function halveOrder(
  deps: WorkDeps,
  chunk: Chunk,
  cause: 'refused_split' | 'surely_gone',
  code: string,
): Promise<Outcome> {
  const settled = await settleHalved(deps, chunk, { cause, detail: { code } });
  return settled ? done(`split: ${code}`) : movedByOthers;
}

/** A single number that was refused, and that no look of a whole window showed as ours, is lost. */
export async function loseSingle(deps: WorkDeps, chunk: Chunk, code: string): Promise<Outcome> {
  const settled = await settleChunk(deps, chunk, {
    cause: 'surely_gone',
    succeeded: [],
    ...(await lossOf(deps, chunk, chunk.numbers, {
      code: 'number_unavailable',
      reason: 'the number was sold to somebody else or withdrawn',
    })),
    detail: { code },
  });
  return settled ? done(`lost: ${code}`) : movedByOthers;
}
