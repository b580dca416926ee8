import type { WorkDeps } from '../../account/deps.ts';
import { closedByFailure } from '../../account/gate.ts';
import { type Chunk, getChunk, touchChunk } from '../../db/chunks.ts';
import { lockRequest, noteTrouble, refreshRequest } from '../../db/requests.ts';
import { isFinal } from '../../domain/chunk.ts';
import { after } from '../../domain/clock.ts';
import { ProvisioningError } from '../../domain/errors.ts';
import { done, hold, type Outcome, skipped, snooze } from '../../domain/outcome.ts';
import type { E164 } from '../../domain/phone-number.ts';
import { chunkJob } from '../../producers/enqueue.ts';
import type { JobName, PayloadOf } from '../../queues/catalogue.ts';
import { afterFailure, noteAccepted } from './after-send.ts';
import { cancelledBeforeSending, claimChunk, lastCheck } from './claim.ts';
import type { Carry, ChunkKind, Judgement, Observed, Prepared } from './kind.ts';
import { lookUp, park } from './look-up.ts';
import { inHalves, type Settlement, settleChunk } from './settle.ts';
import { movedByOthers, noteWait, pause } from './wait.ts';

/** The queue jobs that take a chunk on. */
export type ChunkJobName = Extract<JobName, 'order.run' | 'batch.run' | 'emergency.run' | 'messaging.run'>;

/**
 * Takes a chunk one step on. The row says which step, and this is the only switch over the states of a chunk. Running it twice at
 * once is harmless, because every move compares and sets the row.
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
  switch (chunk.state) {
    case 'planned':
      return prepareAndSend(deps, kind, chunk);
    case 'submitting':
      // Another worker is sending it, or died while sending. The sweep makes the chunk ambiguous when its lease is over.
      return pause(kind, deps.timings.backoffMs, 'being submitted');
    case 'submitted':
      return inPlace(deps, kind, () => follow(deps, kind, chunk));
    case 'ambiguous':
      return inPlace(deps, kind, () => lookUp(deps, kind, chunk));
    default:
      return skipped(`the chunk is ${chunk.state}`);
  }
}

/** A queue job of an earlier version, in which several kinds shared one queue. Adding the job of the own queue twice is harmless. */
async function handToOwnQueue(deps: WorkDeps, chunk: Chunk): Promise<Outcome> {
  const job = chunkJob(chunk);
  await deps.queue.add([job]);
  return skipped(`goes on as ${job.name}`);
}

async function prepareAndSend(deps: WorkDeps, kind: ChunkKind, chunk: Chunk): Promise<Outcome> {
  const cancelled = await cancelledBeforeSending(deps, kind, chunk);
  if (cancelled !== null) return settle(deps, chunk, cancelled, 'cancelled');
  const startedAt = deps.clock.now();
  const prepared = await kind.prepare(deps, chunk);
  switch (prepared.kind) {
    case 'moved':
      return movedByOthers;
    case 'wait':
      return noteWait(deps, prepared.chunk, prepared.delayMs, prepared.reason);
    case 'settle':
      return settle(deps, prepared.chunk, prepared.settlement, 'not sent as it stood');
    case 'too_slow':
      return halve(deps, prepared.chunk, prepared.numbers);
    case 'ready':
      break;
  }
  // A worker that was suspended would release or change numbers on what it read long ago.
  const isStale = kind.holdsSlot && deps.clock.now().getTime() - startedAt.getTime() > deps.timings.leaseMs;
  return isStale ? halve(deps, prepared.chunk, prepared.numbers) : send(deps, kind, prepared);
}

/** Fewer numbers are read sooner. The same batch again would be read too slowly again, for ever. */
async function halve(deps: WorkDeps, chunk: Chunk, numbers: E164[]): Promise<Outcome> {
  if (numbers.length < 2) return snooze(deps.timings.backoffMs, 'read too long ago');
  const again = inHalves(numbers, { attempt: chunk.attempt });
  const settlement: Settlement = { cause: 'split', again, detail: { read_too_long_ago: true } };
  return settle(deps, chunk, settlement, 'halved, because it was read too long ago');
}

/** Sends once: the exact numbers and the payload are committed first. */
async function send(deps: WorkDeps, kind: ChunkKind, ready: Extract<Prepared, { kind: 'ready' }>): Promise<Outcome> {
  const { numbers, payload } = ready;
  const claimed = await claimChunk(deps, kind, ready.chunk, { numbers, payload });
  if (claimed === null) return movedByOthers;
  const sent: E164[] = [];
  try {
    const telnyxId = await kind.send(deps.telnyx, claimed, lastCheck(deps, kind, claimed), carrying(deps, claimed, sent));
    return await noteAccepted(deps, kind, claimed, telnyxId);
  } catch (error) {
    const failed = sent.length === 0 ? claimed : { ...claimed, payload: { ...claimed.payload, sent } };
    return afterFailure(deps, kind, failed, error);
  }
}

/** Commits in the row which numbers of a claimed chunk leave, for kinds that send them one by one, and adds them to `sent`. */
function carrying(deps: WorkDeps, claimed: Chunk, sent: E164[]): Carry {
  return async (numbers) => {
    sent.push(...numbers);
    const noted = await touchChunk(deps.db.sql, claimed, deps.clock.now(), { payload: { ...claimed.payload, sent } });
    if (noted === null)
      throw new ProvisioningError('held_back', 'ambiguous', 'somebody else moved the chunk while its numbers were sent');
  };
}

/** A read that fails while something is open at Telnyx must not give the slot away, so it is tried again in place. */
async function inPlace(deps: WorkDeps, kind: ChunkKind, step: () => Promise<Outcome>): Promise<Outcome> {
  try {
    return await step();
  } catch (error) {
    if (!kind.holdsSlot || !(error instanceof ProvisioningError) || error.disposition === 'bug') throw error;
    await closedByFailure(deps, error);
    return hold(error.retryAfterMs ?? deps.timings.backoffMs, error.code);
  }
}

/** Polls an accepted call, and settles its numbers when it is over. */
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
    case 'over':
      return conclude(deps, kind, chunk, await kind.judge(deps, chunk, observed.over));
  }
}

/** Notes a poll, and tells the request what Telnyx waits for. */
async function poll(
  deps: WorkDeps,
  kind: ChunkKind,
  chunk: Chunk,
  open: Extract<Observed<unknown>, { kind: 'open' }>,
): Promise<Outcome> {
  const { delayMs, reason, trouble, waiting = chunk.waiting } = open;
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
    return pause(kind, delayMs, reason);
  }
  await deps.db.sql.begin(async (tx) => {
    await lockRequest(tx, chunk.requestId);
    await touchChunk(tx, chunk, now, patch);
    await refreshRequest(tx, chunk.requestId, now);
    if (trouble !== undefined) await noteTrouble(tx, chunk.requestId, trouble.code, trouble.text);
  });
  return pause(kind, delayMs, reason);
}

async function conclude(deps: WorkDeps, kind: ChunkKind, chunk: Chunk, judged: Judgement): Promise<Outcome> {
  if (judged.kind === 'settle') return settle(deps, chunk, judged.settlement, judged.said);
  const { evidence, delayMs, reason } = judged;
  const now = deps.clock.now();
  await touchChunk(deps.db.sql, chunk, now, { evidence, nextRunAt: after(now, delayMs) });
  return judged.givesSlotBack === true ? snooze(delayMs, reason) : pause(kind, delayMs, reason);
}

async function settle(deps: WorkDeps, chunk: Chunk, settlement: Settlement, said: string): Promise<Outcome> {
  return (await settleChunk(deps, chunk, settlement)) ? done(said) : movedByOthers;
}
