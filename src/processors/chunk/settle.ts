import type { WorkDeps } from '../../account/deps.ts';
import { type Chunk, type ChunkPatch, insertChunk, moveChunk } from '../../db/chunks.ts';
import type { Tx } from '../../db/client.ts';
import { endItems, handOver, type ItemEnd } from '../../db/items.ts';
import { emptyLostSlots, getLine, noteLosses, reopenLine } from '../../db/lines.ts';
import { lockRequest, refreshRequest } from '../../db/requests.ts';
import type { ChunkCause } from '../../domain/chunk.ts';
import type { ReasonCode } from '../../domain/codes.ts';
import { inSlices } from '../../domain/phone-number.ts';
import type { Step } from '../../domain/step.ts';
import { type Evidence, inherited, type Lineage } from '../../domain/submission.ts';
import { chunkJob, enqueue, lineJob } from '../../producers/enqueue.ts';
import type { AnyEnqueue } from '../../queues/port.ts';

/** How every number of a chunk ends, decided outside, written down here in one transaction. */
export interface Settlement {
  cause: ChunkCause;
  /** Numbers that got what this step is for; they end, or go on to the request's next step. */
  succeeded: { phoneNumber: string; telnyxId?: string; reasonCode?: ReasonCode; reason?: string }[];
  ended: ItemEnd[];
  /** Numbers of a buy that are proven not ours and gone. */
  lost?: Lost;
  /** Numbers that go out again in new chunks, in the given groups. */
  again?: Again[];
  patch?: ChunkPatch;
  detail?: Record<string, unknown>;
  /** Inventory changes of this settlement, in the same transaction. */
  inventory?: (tx: Tx) => Promise<void>;
}

export interface Lost {
  numbers: string[];
  cause: string;
  /** Their slots become free, and the line looks for others. Else they must be among those that end. */
  replace: boolean;
  /** Until then their price counts against the budget: a call that was doubled on its way may still deliver them. */
  heldUntil?: Date;
}

/** One new chunk that carries numbers on. What is left out is as it was in the old one. */
export interface Again {
  numbers: string[];
  step?: Step;
  nextSteps?: Step[];
  attempt?: number;
  /** Orders: what is known of earlier calls, beside what every part of an order inherits. */
  lineage?: Lineage;
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
  const next = async (
    numbers: string[],
    step: Step,
    nextSteps: Step[],
    cause: 'next_step' | 'split',
    more: { attempt?: number | undefined; evidence?: Evidence } = {},
  ) => {
    const made = await insertChunk(tx, {
      requestId: chunk.requestId,
      lineId: chunk.lineId,
      position: chunk.position,
      numbers,
      step,
      nextSteps,
      at,
      cause,
      attempt: more.attempt ?? 0,
      ...(more.evidence !== undefined && { evidence: more.evidence }),
    });
    await handOver(tx, chunk.id, made.id, numbers, at);
    jobs.push(chunkJob(made));
  };
  for (const group of s.again ?? []) {
    const evidence = chunk.kind === 'order' ? evidenceOfPart(deps, chunk, group, at) : undefined;
    await next(group.numbers, group.step ?? chunk.step, group.nextSteps ?? chunk.nextSteps, 'split', {
      attempt: group.attempt,
      ...(evidence !== undefined && { evidence }),
    });
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
      'next_step',
    );
  }
}

/** What a part of an order knows of the calls before its own; nothing when there was none that matters. */
function evidenceOfPart(deps: WorkDeps, chunk: Chunk, part: Again, at: Date): Evidence | undefined {
  const lineage = { ...inherited(chunk.evidence, at, deps.timings), ...part.lineage };
  return Object.keys(lineage).length === 0 ? undefined : { because: 'cut_from_order', looks: [], ...lineage };
}

async function freeSlots(tx: Tx, chunk: Chunk, s: Settlement, at: Date, jobs: AnyEnqueue[]): Promise<void> {
  if (s.lost === undefined || s.lost.numbers.length === 0 || chunk.lineId === null) return;
  const { lineId } = chunk;
  const { numbers, cause, replace, heldUntil = null } = s.lost;
  const because = { cause, at, requestId: chunk.requestId, chunkId: chunk.id };
  await noteLosses(tx, { id: chunk.id, lineId }, { numbers, heldUntil }, because);
  if (!replace) return;
  await emptyLostSlots(tx, chunk, numbers, because);
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
  how: Pick<Settlement, 'cause' | 'detail'> & { numbers?: string[]; attempt?: number; lineage?: Lineage },
): Promise<boolean> {
  const { numbers = chunk.numbers, attempt = 0, lineage = {}, ...move } = how;
  const again = halves(numbers).map((half) => ({ numbers: half, attempt, lineage }));
  return settleChunk(deps, chunk, { ...move, succeeded: [], ended: [], again });
}

/** Two lists of nearly equal length. */
export function halves(numbers: string[]): [string[], string[]] {
  const middle = Math.ceil(numbers.length / 2);
  return [numbers.slice(0, middle), numbers.slice(middle)];
}

/**
 * What becomes of numbers of a buy that are proven not ours: those of a search free their slots, and the line looks for others;
 * those that the user listed cannot be replaced and fail with the reason.
 */
export async function lossOf(
  deps: WorkDeps,
  chunk: Chunk,
  numbers: string[],
  why: { code: ReasonCode; reason: string },
  how: { cause?: string; heldUntil?: Date } = {},
): Promise<{ ended: ItemEnd[]; lost: Lost }> {
  const line = chunk.lineId === null ? null : await getLine(deps.db.sql, chunk.lineId);
  const replace = line !== null && line.criteria.kind === 'search';
  const lost: Lost = { numbers, cause: how.cause ?? 'taken_by_others', replace };
  if (how.heldUntil !== undefined) lost.heldUntil = how.heldUntil;
  const failed = (phoneNumber: string): ItemEnd => ({ phoneNumber, status: 'failed', reasonCode: why.code, reason: why.reason });
  return { ended: replace ? [] : numbers.map(failed), lost };
}
