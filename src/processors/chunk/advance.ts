import type { WorkDeps } from '../../account/deps.ts';
import { closedByFailure } from '../../account/gate.ts';
import { giveSlotBack, keptFor, mayPrepareIn, noteSlot, type Ready, waitForSlot } from '../../account/prepared.ts';
import { type Chunk, getChunkAtWork, touchChunk } from '../../db/chunks.ts';
import { lockRequest, noteTrouble, refreshRequest } from '../../db/requests.ts';
import { isFinal } from '../../domain/chunk.ts';
import { after } from '../../domain/clock.ts';
import { ProvisioningError } from '../../domain/errors.ts';
import { chunkHeldBack, type Holds } from '../../domain/hold.ts';
import { hold, type Outcome, skipped, snooze } from '../../domain/outcome.ts';
import type { E164 } from '../../domain/phone-number.ts';
import { chunkJob } from '../../producers/enqueue.ts';
import type { JobName, PayloadOf } from '../../queues/catalogue.ts';
import { afterFailure, noteAccepted } from './after-send.ts';
import { cancelledBeforeSending, claimChunk, lastCheck } from './claim.ts';
import type { Carry, ChunkKind, Judgement, Observed, Prepared } from './kind.ts';
import { lookUp, park } from './look-up.ts';
import { inHalves, type Settlement, settleChunk } from './settle.ts';
import { movedByOthers, noteWait, parkHeld, pause, settled } from './wait.ts';

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
  const found = await getChunkAtWork(deps.db.sql, job.chunkId);
  if (found === null) return skipped('there is no such chunk');
  const { chunk, request } = found;
  if (isFinal(chunk.state)) return skipped(`the chunk is ${chunk.state}`);
  if (chunkJob(chunk).name !== name) return handToOwnQueue(deps, chunk);
  const kind = kinds[chunk.kind];
  const outcome = await oneMove(deps, kind, chunk, request);
  return kind.jobSlot === true ? noteSlot(deps, chunk, outcome) : outcome;
}

function oneMove(deps: WorkDeps, kind: ChunkKind, chunk: Chunk, request: Holds): Promise<Outcome> | Outcome {
  switch (chunk.state) {
    case 'planned':
      return prepareAndSend(deps, kind, chunk, request);
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
 * Takes a planned chunk to Telnyx in two steps: prepares it (guards and reads), then claims and sends it. A kind that takes a job
 * slot is prepared without one, and waits for its slot as a prepared chunk.
 */
async function prepareAndSend(deps: WorkDeps, kind: ChunkKind, chunk: Chunk, request: Holds): Promise<Outcome> {
  const cancelled = cancelledBeforeSending(kind, chunk, request);
  if (cancelled !== null) return settled(deps, chunk, cancelled, 'cancelled');
  const held = chunkHeldBack(request, chunk, deps.clock.now());
  if (held?.why === 'not_all_claimed') await kind.whileClaiming?.(deps, chunk);
  if (held !== null) return parkHeld(deps, chunk, held);
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
      const over = kind.jobSlot === true ? await giveSlotBack(deps, chunk) : chunk;
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
