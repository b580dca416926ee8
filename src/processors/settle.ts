import { type Chunk, type ChunkPatch, insertChunk, moveChunk } from '../db/chunks.ts';
import type { Tx } from '../db/client.ts';
import { endItems, handOver, type ItemEnd } from '../db/items.ts';
import { getLine, loseNumbers, reopenLine } from '../db/lines.ts';
import { lockRequest, refreshRequest } from '../db/requests.ts';
import type { ChunkCause } from '../domain/chunk.ts';
import { inSlices } from '../domain/phone-number.ts';
import type { Step } from '../domain/step.ts';
import { chunkJob, enqueue, lineJob } from '../producers/enqueue.ts';
import type { AnyEnqueue } from '../queues/port.ts';
import type { WorkDeps } from '../reconcile/deps.ts';

/** How every number of a chunk ends, decided outside, written down here in one transaction. */
export interface Settlement {
  cause: ChunkCause;
  /** Numbers that got what this step is for; they end, or go on to the request's next step. */
  succeeded: { phoneNumber: string; telnyxId?: string; reasonCode?: string; reason?: string }[];
  ended: ItemEnd[];
  /** Numbers of a buy that are proven not ours and gone: their slots become free. */
  lost?: { numbers: string[]; cause: string };
  /** Numbers that go out again in new chunks, in the given groups; `step` when it differs from the chunk's. */
  again?: { numbers: string[]; step?: Step; nextSteps?: Step[]; attempt?: number }[];
  patch?: ChunkPatch;
  detail?: Record<string, unknown>;
  /** Inventory changes of this settlement, in the same transaction. */
  inventory?: (tx: Tx) => Promise<void>;
}

/**
 * Settles a chunk: moves it, ends or hands on each number, changes the inventory, frees slots, brings the request up to date,
 * all in one transaction; then enqueues what follows. False when somebody else moved the chunk first: then nothing changed.
 */
export async function settleChunk(deps: WorkDeps, chunk: Chunk, s: Settlement): Promise<boolean> {
  const at = deps.clock.now();
  const jobs: AnyEnqueue[] = [];
  const moved = await deps.db.sql.begin(async (tx) => {
    await lockRequest(tx, chunk.requestId);
    const row = await moveChunk(tx, chunk, {
      cause: s.cause,
      at,
      ...(s.patch && { patch: s.patch }),
      ...(s.detail && { detail: s.detail }),
    });
    if (row === null) return false;
    await s.inventory?.(tx);
    await carryOn(tx, deps, chunk, s, at, jobs);
    await endItems(tx, chunk, s.ended, at);
    await freeSlots(tx, chunk, s, at, jobs);
    await refreshRequest(tx, chunk.requestId, at);
    return true;
  });
  if (moved) await enqueue(deps, jobs);
  return moved;
}

async function carryOn(tx: Tx, deps: WorkDeps, chunk: Chunk, s: Settlement, at: Date, jobs: AnyEnqueue[]): Promise<void> {
  const next = async (numbers: string[], step: Step, nextSteps: Step[], attempt: number, cause: 'next_step' | 'split') => {
    const made = await insertChunk(tx, {
      requestId: chunk.requestId,
      lineId: chunk.lineId,
      position: chunk.position,
      numbers,
      step,
      nextSteps,
      at,
      attempt,
      cause,
    });
    await handOver(tx, chunk.id, made.id, numbers, at);
    jobs.push(chunkJob(made));
  };
  for (const group of s.again ?? []) {
    await next(group.numbers, group.step ?? chunk.step, group.nextSteps ?? chunk.nextSteps, group.attempt ?? 0, 'split');
  }
  const [step, ...rest] = chunk.nextSteps;
  if (step === undefined) {
    await endItems(
      tx,
      chunk,
      s.succeeded.map((n) => ({ ...n, status: 'succeeded' as const })),
      at,
    );
    return;
  }
  for (const slice of inSlices(s.succeeded, deps.limits.batchSize)) {
    await next(
      slice.map((n) => n.phoneNumber),
      step,
      rest,
      0,
      'next_step',
    );
  }
}

async function freeSlots(tx: Tx, chunk: Chunk, s: Settlement, at: Date, jobs: AnyEnqueue[]): Promise<void> {
  if (s.lost === undefined || s.lost.numbers.length === 0 || chunk.lineId === null) return;
  const { lineId } = chunk;
  await loseNumbers(tx, { id: chunk.id, requestId: chunk.requestId, lineId }, s.lost.numbers, {
    cause: s.lost.cause,
    at,
    requestId: chunk.requestId,
    chunkId: chunk.id,
  });
  const line = await reopenLine(tx, lineId, at);
  if (line !== null) jobs.push(lineJob(line));
}

/**
 * Sends numbers of a chunk out again as two: to find those that are refused, or because so many are too much at once. The two
 * inherit `attempt` where it is given.
 */
export async function settleHalved(
  deps: WorkDeps,
  chunk: Chunk,
  how: Pick<Settlement, 'cause' | 'detail'> & { numbers?: string[]; attempt?: number },
): Promise<boolean> {
  const { numbers = chunk.numbers, attempt = 0, ...move } = how;
  const middle = Math.ceil(numbers.length / 2);
  const again = [numbers.slice(0, middle), numbers.slice(middle)].map((half) => ({ numbers: half, attempt }));
  return settleChunk(deps, chunk, { ...move, succeeded: [], ended: [], again });
}

/**
 * What becomes of numbers of a buy that are proven not ours: those of a search free their slots, and the line looks for others;
 * those that the user listed cannot be replaced and fail with the reason.
 */
export async function lossOf(
  deps: WorkDeps,
  chunk: Chunk,
  numbers: string[],
  why: { code: string; reason: string },
): Promise<Pick<Settlement, 'ended' | 'lost'>> {
  const line = chunk.lineId === null ? null : await getLine(deps.db.sql, chunk.lineId);
  if (line !== null && line.criteria.kind === 'search') return { ended: [], lost: { numbers, cause: 'taken_by_others' } };
  const failed = (phoneNumber: string): ItemEnd => ({ phoneNumber, status: 'failed', reasonCode: why.code, reason: why.reason });
  return { ended: numbers.map(failed), lost: { numbers: [], cause: 'taken_by_others' } };
}
