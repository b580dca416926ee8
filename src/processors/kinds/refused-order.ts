import type { WorkDeps } from '../../account/deps.ts';
import type { Chunk } from '../../db/chunks.ts';
import type { ProvisioningError } from '../../domain/errors.ts';
import { done, type Outcome, snooze } from '../../domain/outcome.ts';
import { refusedForNumbers } from '../../domain/submission.ts';
import { failAll, failureOfSending, movedByOthers, noteReplyLost, tryLater } from '../chunk/after-send.ts';
import { settleHalved } from '../chunk/settle.ts';
import { bisectRefused } from './bisect-order.ts';

/** What a failed order call means, by its disposition. Anything unknown is ambiguous: the call may have left. */
export async function orderRefused(deps: WorkDeps, chunk: Chunk, error: unknown): Promise<Outcome> {
  const failure = failureOfSending(error, 'order');
  // The search was too long ago: the next run searches first. A second such refusal is taken at its word.
  if (failure.code === 'search_expired' && chunk.errorCode !== failure.code)
    return tryLater(deps, chunk, failure, { countAttempt: true });
  if (refusedForNumbers(failure.code)) return refusedForItsNumbers(deps, chunk, failure);
  if (failure.disposition === 'ambiguous') {
    await noteReplyLost(deps, chunk, failure);
    return snooze(deps.timings.lookMinMs, 'reply lost');
  }
  if (failure.disposition === 'retry' || failure.disposition === 'account') return tryLater(deps, chunk, failure);
  if (failure.code === 'too_many_numbers') return tooMany(deps, chunk, failure);
  return bisectRefused(deps, chunk, failure);
}

/**
 * Some of the numbers cannot be had, perhaps because an earlier call of ours, or this call doubled on its way, has taken them. So
 * nothing is concluded before the account was looked at: `resolveOrder` goes on from here.
 */
async function refusedForItsNumbers(deps: WorkDeps, chunk: Chunk, failure: ProvisioningError): Promise<Outcome> {
  const cause = failure.disposition === 'ambiguous' ? 'reply_lost' : 'maybe_ours_already';
  await noteReplyLost(deps, chunk, failure, cause);
  return snooze(deps.timings.lookMinMs, 'refused for its numbers, looking whether they are ours');
}

async function tooMany(deps: WorkDeps, chunk: Chunk, failure: ProvisioningError): Promise<Outcome> {
  if (chunk.numbers.length === 1) return failAll(deps, chunk, failure);
  const settled = await settleHalved(deps, chunk, { cause: 'refused_split', detail: { code: failure.code } });
  return settled ? done(`split: ${failure.code}`) : movedByOthers;
}
