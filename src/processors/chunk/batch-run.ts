import type { WorkDeps } from '../../account/deps.ts';
import { closedByFailure } from '../../account/gate.ts';
import { type Chunk, getChunk } from '../../db/chunks.ts';
import { getRequest } from '../../db/requests.ts';
import { ProvisioningError } from '../../domain/errors.ts';
import { liftedNote } from '../../domain/lifted.ts';
import { done, hold, type Outcome, skipped, snooze } from '../../domain/outcome.ts';
import { chunkJob } from '../../producers/enqueue.ts';
import type { PayloadOf } from '../../queues/catalogue.ts';
import type { JobContext } from '../context.ts';
import { followBatch } from '../kinds/follow-batch.ts';
import { prepareBatch } from '../kinds/prepare-batch.ts';
import { resolveBatch } from '../kinds/resolve-batch.ts';
import { submitBatch } from '../kinds/submit-batch.ts';
import { cancelledBeforeSending, movedByOthers } from './after-send.ts';
import { settleChunk, settleHalved } from './settle.ts';

type BatchJobName = 'batch.run' | 'emergency.run' | 'messaging.run';

/**
 * Takes an update, delete, emergency or messaging chunk one step on. While its batch job is open at Telnyx, or may be, the
 * outcome is a hold: the queue job keeps its slot, so that never more jobs are open than there are slots. `name` is the job that
 * runs.
 */
export const runBatch =
  (deps: WorkDeps, name: BatchJobName) =>
  async (job: PayloadOf<BatchJobName>, _ctx: JobContext): Promise<Outcome> => {
    const chunk = await getChunk(deps.db.sql, job.chunkId);
    if (chunk === null) return skipped('there is no such chunk');
    if (chunkJob(chunk).name !== name) return handOver(deps, chunk);
    switch (chunk.state) {
      case 'planned':
        return sendPlanned(deps, chunk);
      case 'submitting':
        return hold(deps.timings.backoffMs, 'being submitted');
      case 'submitted':
        return holdingOn(deps, () => followBatch(deps, chunk));
      case 'ambiguous':
        return holdingOn(deps, () => resolveBatch(deps, chunk));
      default:
        return skipped(`the chunk is ${chunk.state}`);
    }
  };

/**
 * A job of an earlier version, in which all kinds shared one queue: the chunk goes on in the queue of its kind. Should the sweep
 * have put it there already, adding it once more does nothing.
 */
async function handOver(deps: WorkDeps, chunk: Chunk): Promise<Outcome> {
  if (chunk.state === 'settled' || chunk.state === 'cancelled') return skipped(`the chunk is ${chunk.state}`);
  const job = chunkJob(chunk);
  await deps.queue.add([job]);
  return skipped(`goes on as ${job.name}`);
}

async function sendPlanned(deps: WorkDeps, chunk: Chunk): Promise<Outcome> {
  const cancelled = (await cancelledAfterLifting(deps, chunk)) ?? (await cancelledBeforeSending(deps, chunk));
  if (cancelled !== null) return cancelled;
  const startedAt = deps.clock.now();
  const prepared = await prepareBatch(deps, chunk);
  // A worker that slept so long would release or change numbers on what it read before.
  const isStale = deps.clock.now().getTime() - startedAt.getTime() > deps.timings.leaseMs;
  if (prepared.kind === 'stop') return prepared.outcome;
  if (prepared.kind === 'too_slow') return halve(deps, prepared.chunk, prepared.numbers);
  if (isStale) return halve(deps, prepared.chunk, prepared.send.numbers);
  return submitBatch(deps, prepared.chunk, prepared.send);
}

/** A read that fails while something is open at Telnyx must not give the slot away: it is tried again in place. */
async function holdingOn(deps: WorkDeps, step: () => Promise<Outcome>): Promise<Outcome> {
  try {
    return await step();
  } catch (error) {
    if (!(error instanceof ProvisioningError) || error.disposition === 'bug') throw error;
    await closedByFailure(deps, error);
    return hold(error.retryAfterMs ?? deps.timings.backoffMs, error.code);
  }
}

/** Fewer numbers are read sooner: the same batch again would be read too slowly again, for ever. */
async function halve(deps: WorkDeps, chunk: Chunk, numbers: string[]): Promise<Outcome> {
  if (numbers.length < 2) return snooze(deps.timings.backoffMs, 'read too long ago');
  const settled = await settleHalved(deps, chunk, {
    cause: 'split',
    numbers,
    attempt: chunk.attempt,
    detail: { read_too_long_ago: true },
  });
  return settled ? done('halved, because it was read too long ago') : movedByOthers;
}

/** A cancel before the release itself, but after something was lifted for it, which the reason then says. */
async function cancelledAfterLifting(deps: WorkDeps, chunk: Chunk): Promise<Outcome | null> {
  const lifted = liftedNote(chunk.step);
  if (lifted === '') return null;
  const request = await getRequest(deps.db.sql, chunk.requestId);
  if (request === null || request.cancelRequestedAt === null) return null;
  const reason = `the request was cancelled before this number was released${lifted}`;
  const settled = await settleChunk(deps, chunk, {
    cause: 'cancel',
    succeeded: [],
    ended: chunk.numbers.map((phoneNumber) => ({ phoneNumber, status: 'cancelled', reasonCode: 'cancelled', reason })),
  });
  return settled ? done('cancelled') : movedByOthers;
}
