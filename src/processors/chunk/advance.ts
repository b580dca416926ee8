import type { WorkDeps } from '../../account/deps.ts';
import { closedByFailure } from '../../account/gate.ts';
import { type Chunk, getChunk, touchChunk } from '../../db/chunks.ts';
import { lockRequest, noteTrouble, refreshRequest } from '../../db/requests.ts';
import { isFinal } from '../../domain/chunk.ts';
import { after } from '../../domain/clock.ts';
import { ProvisioningError } from '../../domain/errors.ts';
import { hold, type Outcome, skipped, snooze } from '../../domain/outcome.ts';
import { chunkJob } from '../../producers/enqueue.ts';
import type { JobName, PayloadOf } from '../../queues/catalogue.ts';
import type { ChunkKind, Judgement, Observed } from './kind.ts';
import { lookUp, park } from './look-up.ts';
import { prepareAndSend } from './send.ts';
import { settleChunk } from './settle.ts';
import { giveSlotBack, noteSlot } from './slot.ts';
import { movedByOthers, pause, settled } from './wait.ts';

/** The queue jobs that advance a chunk. */
export type ChunkJobName = Extract<JobName, 'order.run' | 'batch.run' | 'emergency.run' | 'messaging.run'>;

/**
 * Advances a chunk by one move. The state in the row decides which one, and this is the only switch over the states of a chunk.
 * Two workers may run this at once, because every move compares the row before it changes it.
 */
export async function advance(
  deps: WorkDeps,
  kinds: Readonly<Record<Chunk['kind'], ChunkKind>>,
  name: ChunkJobName,
  job: PayloadOf<ChunkJobName>,
): Promise<Outcome> {
  const chunk = await getChunk(deps.db.sql, job.chunkId);
  if (chunk === null) return skipped('there is no such chunk');
  if (isFinal(chunk.state)) return skipped(`the chunk is ${chunk.state}`);
  if (chunkJob(chunk).name !== name) return handToOwnQueue(deps, chunk);
  const kind = kinds[chunk.kind];
  return noteSlot(deps, kind, chunk, await oneMove(deps, kind, chunk));
}

function oneMove(deps: WorkDeps, kind: ChunkKind, chunk: Chunk): Promise<Outcome> | Outcome {
  switch (chunk.state) {
    case 'planned':
      return prepareAndSend(deps, kind, chunk);
    case 'submitting':
      // Another worker is sending the chunk, or died while sending. When its lease is over, the sweep makes the chunk ambiguous.
      return pause(kind, deps.timings.backoffMs, 'being submitted');
    case 'submitted':
      return inPlace(deps, kind, () => follow(deps, kind, chunk));
    case 'ambiguous':
      return inPlace(deps, kind, () => lookUp(deps, kind, chunk));
    default:
      return skipped(`the chunk is ${chunk.state}`);
  }
}

/**
 * Moves a chunk to the queue of its kind. Earlier versions let several kinds share one queue. Adding the queue job twice is
 * harmless, because its id is the same.
 */
async function handToOwnQueue(deps: WorkDeps, chunk: Chunk): Promise<Outcome> {
  const job = chunkJob(chunk);
  await deps.queue.add([job]);
  return skipped(`continues as ${job.name}`);
}

/**
 * Runs a step that reads. When the read fails while the call may be open at Telnyx, the queue job keeps its slot and tries again.
 */
async function inPlace(deps: WorkDeps, kind: ChunkKind, step: () => Promise<Outcome>): Promise<Outcome> {
  try {
    return await step();
  } catch (error) {
    if (!kind.holdsSlot || !(error instanceof ProvisioningError) || error.disposition === 'bug') throw error;
    await closedByFailure(deps, error);
    return hold(error.retryAfterMs ?? deps.timings.backoffMs, error.code);
  }
}

/** Polls an accepted call, and settles its numbers when Telnyx has finished. */
async function follow(deps: WorkDeps, kind: ChunkKind, chunk: Chunk): Promise<Outcome> {
  const observed = await kind.observe(deps, chunk);
  switch (observed.kind) {
    case 'open':
      return poll(deps, kind, chunk, observed);
    case 'part': {
      if (!(await settleChunk(deps, chunk, observed.settlement))) return movedByOthers;
      return pause(kind, deps.timings.pollMinMs, observed.said);
    }
    case 'contradiction':
      return park(deps, chunk, chunk.evidence, { conclusion: observed.why });
    case 'over': {
      const over = await giveSlotBack(deps, kind, chunk);
      return over === null ? movedByOthers : conclude(deps, kind, over, await kind.judge(deps, over, observed.over));
    }
  }
}

/** Records a poll. When Telnyx waits for something, the request shows what it waits for. */
async function poll(
  deps: WorkDeps,
  kind: ChunkKind,
  chunk: Chunk,
  open: Extract<Observed<unknown>, { kind: 'open' }>,
): Promise<Outcome> {
  const { delayMs, wake, reason, trouble, waiting = chunk.waiting } = open;
  const now = deps.clock.now();
  const patch = {
    polls: chunk.polls + 1,
    waiting,
    ...(open.seen !== undefined && { evidence: open.seen }),
    ...(trouble !== undefined && { deadline: trouble.deadline, errorCode: trouble.code, error: trouble.text }),
    nextRunAt: after(now, delayMs),
  };
  if (waiting === chunk.waiting && trouble === undefined) {
    await touchChunk(deps.db.sql, chunk, now, patch);
    return pause(kind, delayMs, reason, wake);
  }
  await deps.db.sql.begin(async (tx) => {
    await lockRequest(tx, chunk.requestId);
    await touchChunk(tx, chunk, now, patch);
    await refreshRequest(tx, chunk.requestId, now);
    if (trouble !== undefined) await noteTrouble(tx, chunk.requestId, trouble.code, trouble.text);
  });
  return pause(kind, delayMs, reason, wake);
}

/** Settles a finished call, or records a check and waits for the next one. */
async function conclude(deps: WorkDeps, kind: ChunkKind, chunk: Chunk, judged: Judgement): Promise<Outcome> {
  if (judged.kind === 'settle') return settled(deps, chunk, judged.settlement, judged.said);
  const { evidence, delayMs, reason } = judged;
  const now = deps.clock.now();
  await touchChunk(deps.db.sql, chunk, now, { evidence, nextRunAt: after(now, delayMs) });
  return judged.givesSlotBack === true || kind.jobSlot === true ? snooze(delayMs, reason) : pause(kind, delayMs, reason);
}
