import type { Chunk } from '../db/chunks.ts';
import { openItemsOfChunk } from '../db/items.ts';
import { getLine } from '../db/lines.ts';
import { ProvisioningError } from '../domain/errors.ts';
import { type Outcome, skipped, snooze } from '../domain/outcome.ts';
import { whySpendingStopped } from '../reconcile/account-gate.ts';
import type { WorkDeps } from '../reconcile/deps.ts';
import { searchListed } from '../reconcile/search-listed.ts';
import { settleChunk } from './settle.ts';
import {
  cancelledBeforeSending,
  claimSubmission,
  failAll,
  lastLook,
  movedByOthers,
  noteAccepted,
  noteReplyLost,
  noteWait,
  tryLater,
} from './submission.ts';

/** A number must have come up in a recent search (85000); how recent is not published, so old searches are repeated. */
const SEARCH_GOOD_FOR_MS = 50 * 60_000;

/** Sends a planned order once: the numbers are committed first, and a lost reply makes the chunk ambiguous. */
export async function submitOrder(deps: WorkDeps, chunk: Chunk): Promise<Outcome> {
  if (chunk.step.kind !== 'order') throw new ProvisioningError('wrong_step', 'bug', `chunk ${chunk.id} is no order`);
  const cancelled = await cancelledBeforeSending(deps, chunk);
  if (cancelled !== null) return cancelled;
  const stopped = await whySpendingStopped(deps);
  if (stopped !== null) return noteWait(deps, chunk, deps.timings.backoffMs, stopped);
  if (await isSearchStale(deps, chunk)) await searchListed(deps, chunk.numbers, '1000000');
  if (chunk.step.settings.reserve === true && chunk.attempt === 0) await reserve(deps, chunk);

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
  const failure =
    error instanceof ProvisioningError
      ? error
      : new ProvisioningError('unknown_outcome', 'ambiguous', `the order call ended unexpectedly: ${String(error)}`, {
          cause: error,
        });
  if (failure.disposition === 'ambiguous') {
    await noteReplyLost(deps, chunk, failure);
    return snooze(deps.timings.lookMinMs, 'reply lost');
  }
  if (failure.disposition === 'retry' || failure.disposition === 'account') return tryLater(deps, chunk, failure);
  if (failure.code === 'search_expired') return rearm(deps, chunk, failure);
  if (failure.code === 'too_many_numbers')
    return chunk.numbers.length === 1 ? failAll(deps, chunk, failure) : halve(deps, chunk, failure);
  if (failure.code === 'numbers_gone' || failure.code === 'already_reserved') return numbersGone(deps, chunk, failure);
  return failAll(deps, chunk, failure);
}

async function isSearchStale(deps: WorkDeps, chunk: Chunk): Promise<boolean> {
  const items = await openItemsOfChunk(deps.db.sql, chunk.id);
  const oldest = Math.min(...items.map((i) => i.searchedAt?.getTime() ?? 0));
  return deps.clock.now().getTime() - oldest > SEARCH_GOOD_FOR_MS;
}

/** Holds the numbers for half an hour. Not held is no obstacle: they are ordered all the same (85006, 85007). */
async function reserve(deps: WorkDeps, chunk: Chunk): Promise<void> {
  try {
    await deps.telnyx.reserve(chunk.numbers, chunk.customerReference);
  } catch (error) {
    deps.log.warn({ err: error, chunkId: chunk.id, requestId: chunk.requestId }, 'not reserved, ordering without');
  }
}

/** 85000: the search was too long ago. The numbers are searched once more; a second refusal is taken at its word. */
async function rearm(deps: WorkDeps, chunk: Chunk, failure: ProvisioningError): Promise<Outcome> {
  if (chunk.errorCode === failure.code) return numbersGone(deps, chunk, failure);
  await searchListed(deps, chunk.numbers, '1000000');
  return tryLater(deps, chunk, failure, true);
}

/**
 * 85001 says that at least one number is gone, perhaps because an earlier try of ours got it. After a lost reply that is looked
 * up like any unknown outcome; on a first try the numbers cannot be ours by this chunk.
 */
async function numbersGone(deps: WorkDeps, chunk: Chunk, failure: ProvisioningError): Promise<Outcome> {
  if ((chunk.evidence?.resent ?? 0) > 0) {
    await noteReplyLost(deps, chunk, failure, 'maybe_ours_already');
    return snooze(deps.timings.lookMinMs, 'perhaps ours already');
  }
  return splitOrLose(deps, chunk, 'refused_split', failure.code);
}

/**
 * Finds the numbers that are gone by halving the order. A single number that is refused is lost: its slot becomes free and the
 * line looks for another; a number that the user listed fails.
 */
export async function splitOrLose(
  deps: WorkDeps,
  chunk: Chunk,
  cause: 'refused_split' | 'surely_gone',
  code: string,
): Promise<Outcome> {
  const [only, second] = chunk.numbers;
  if (only !== undefined && second === undefined) return loseSingle(deps, chunk, only, cause, code);
  const middle = Math.ceil(chunk.numbers.length / 2);
  const settled = await settleChunk(deps, chunk, {
    cause,
    succeeded: [],
    ended: [],
    again: [{ numbers: chunk.numbers.slice(0, middle) }, { numbers: chunk.numbers.slice(middle) }],
    detail: { code },
  });
  return settled ? skipped(`split: ${code}`) : movedByOthers;
}

const halve = (deps: WorkDeps, chunk: Chunk, failure: ProvisioningError) =>
  splitOrLose(deps, chunk, 'refused_split', failure.code);

async function loseSingle(
  deps: WorkDeps,
  chunk: Chunk,
  number: string,
  cause: 'refused_split' | 'surely_gone',
  code: string,
): Promise<Outcome> {
  const owned = await deps.telnyx.verifyOwnership([number]).catch(() => null);
  if (owned === null) {
    // Without the look nothing may be called gone; the call itself was refused, so trying it again later is safe.
    return cause === 'surely_gone'
      ? snooze(deps.timings.backoffMs, 'ownership unknown')
      : tryLater(deps, chunk, new ProvisioningError(code, 'retry', 'refused, and ownership could not be looked up'));
  }
  if (owned.has(number)) {
    // It was for sale when it was claimed, so an earlier order of ours got it after all: looked up, never replaced.
    const failure = new ProvisioningError(code, 'ambiguous', 'refused, and the account has the number by now');
    if (cause === 'refused_split') await noteReplyLost(deps, chunk, failure, 'maybe_ours_already');
    return snooze(deps.timings.lookMinMs, 'ours by now');
  }
  const line = chunk.lineId === null ? null : await getLine(deps.db.sql, chunk.lineId);
  const listed = line === null || line.criteria.kind === 'list';
  const reason = 'the number was sold to somebody else or withdrawn';
  const settled = await settleChunk(deps, chunk, {
    cause: cause === 'refused_split' ? 'refused' : cause,
    succeeded: [],
    ended: listed ? [{ phoneNumber: number, status: 'failed', reasonCode: 'number_unavailable', reason }] : [],
    ...(!listed && { lost: { numbers: [number], cause: 'taken_by_others' } }),
    detail: { code },
  });
  return settled ? skipped(reason) : movedByOthers;
}
