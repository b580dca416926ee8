import type { WorkDeps } from '../../account/deps.ts';
import { keepWhole } from '../../db/all-or-nothing.ts';
import { type Chunk, type ChunkPatch, insertChunk, moveChunk } from '../../db/chunks.ts';
import type { Tx } from '../../db/client.ts';
import { endItems, handOver, type ItemEnd } from '../../db/items.ts';
import { emptyLostSlots, noteLosses, reopenLine } from '../../db/lines.ts';
import { goesOn, lockRequest, type Request, refreshRequest } from '../../db/requests.ts';
import type { ChunkCause } from '../../domain/chunk.ts';
import type { ReasonCode } from '../../domain/codes.ts';
import { type Evidence, type History, inherited, seeing } from '../../domain/evidence.ts';
import { inSlices } from '../../domain/phone-number.ts';
import { buysNumbers, type Payload, type Step } from '../../domain/step.ts';
import { chunkJob, enqueue, lineJob } from '../../producers/enqueue.ts';
import { logEnd } from '../../producers/log-lines.ts';
import type { AnyEnqueue } from '../../queues/port.ts';

/** How numbers of a chunk end. Its kind decides, and `settleChunk` writes everything in one transaction. */
export interface Settlement {
  cause: ChunkCause;
  /** Numbers for which this step succeeded. They end, or go on to the next step of the request. */
  succeeded?: { phoneNumber: string; telnyxId?: string; reasonCode?: ReasonCode; reason?: string }[];
  /** What is known of these numbers, for the chunk of the next step. */
  nextPayload?: Payload;
  /** Numbers that end for another reason. */
  ended?: ItemEnd[];
  /** Numbers of a buy that are proven not ours and cannot be had any more. */
  lost?: Lost;
  /** Numbers that go out again. Each group becomes a new chunk. */
  again?: Again[];
  patch?: ChunkPatch;
  detail?: Record<string, unknown>;
  /** Writes the inventory in the same transaction, before items end or are handed over. */
  inventory?: (tx: Tx) => Promise<void>;
}

/** Numbers of a buy that are lost. */
export interface Lost {
  numbers: string[];
  /** Why they are lost, as the events record it. */
  cause: string;
  /** True: their slots become free, and the buy line searches for other numbers. False: they must also be in `ended`. */
  replace: boolean;
  /** Until this moment their price counts against the budget, because a call that the network doubled may still deliver them. */
  heldUntil?: Date;
}

/**
 * A new chunk for numbers that go out again. A field that is left out keeps its value from the old chunk, except `attempt`, which
 * starts at 0.
 */
export interface Again {
  numbers: string[];
  step?: Step;
  nextSteps?: Step[];
  attempt?: number;
  /** What was read for these numbers and need not be read again. */
  payload?: Payload;
  /** Added to the history that every part of a chunk inherits. */
  history?: History;
}

/**
 * Settles a chunk in one transaction: moves it, ends or hands over each number, changes the inventory and frees slots. Then it
 * updates the request and enqueues the follow-up work. Returns false when another worker moved the chunk first; nothing has changed
 * then.
 */
export async function settleChunk(deps: WorkDeps, chunk: Chunk, s: Settlement): Promise<boolean> {
  const at = deps.clock.now();
  if (buysNumbers(chunk.kind)) {
    const { jobs, changed } = await deps.db.sql.begin((tx) => settleOrder(tx, deps, chunk, s, at));
    if (jobs === null) return false;
    await enqueue(deps, jobs);
    await logEnd(deps, changed);
    return true;
  }
  const jobs = await deps.db.sql.begin((tx) => settleIn(tx, deps, chunk, s, at));
  if (jobs === null) return false;
  await enqueue(deps, jobs);
  await refreshAfter(deps, chunk, at);
  return true;
}

/** What an order bought or lost counts against the budget of its request, so one order of a request is settled at a time. */
async function settleOrder(
  tx: Tx,
  deps: WorkDeps,
  chunk: Chunk,
  s: Settlement,
  at: Date,
): Promise<{ jobs: AnyEnqueue[] | null; changed: Request | null }> {
  const request = await lockRequest(tx, chunk.requestId);
  const jobs = await settleIn(tx, deps, chunk, s, at);
  if (jobs !== null && request !== null) await keepWhole(tx, request, at);
  const changed = jobs === null ? null : await refreshRequest(tx, chunk.requestId, at, request ?? undefined);
  return { jobs, changed };
}

/**
 * Updates the request after the settlement of a chunk that buys nothing. Such chunks of a request settle side by side, so the request
 * is not locked with their numbers, and is locked at all only when no other chunk of it is at work. When the worker dies before this,
 * the sweep does it.
 */
async function refreshAfter(deps: WorkDeps, { requestId }: Chunk, at: Date): Promise<void> {
  if (await goesOn(deps.db.sql, requestId)) return;
  await logEnd(deps, await deps.db.sql.begin((tx) => refreshRequest(tx, requestId, at)));
}

async function settleIn(tx: Tx, deps: WorkDeps, chunk: Chunk, s: Settlement, at: Date): Promise<AnyEnqueue[] | null> {
  const row = await moveChunk(tx, chunk, {
    cause: s.cause,
    at,
    ...(s.patch && { patch: s.patch }),
    ...(s.detail && { detail: s.detail }),
  });
  if (row === null) return null;
  await s.inventory?.(tx);
  const again = await sendAgain(tx, deps, chunk, s.again ?? [], at);
  const next = await goOn(tx, deps, chunk, s, at);
  await endItems(tx, chunk, s.ended ?? [], at);
  return [...again, ...next, ...(await freeSlots(tx, chunk, s.lost, at))];
}

/** Cuts a new chunk for each group of numbers that go out again. */
async function sendAgain(tx: Tx, deps: WorkDeps, chunk: Chunk, groups: Again[], at: Date): Promise<AnyEnqueue[]> {
  const jobs: AnyEnqueue[] = [];
  for (const group of groups) {
    const { numbers, step = chunk.step, nextSteps = chunk.nextSteps, attempt = 0 } = group;
    const evidence = evidenceOfPart(deps, chunk, group, at);
    const payload = { ...sentOfPart(chunk, numbers), ...group.payload };
    const known = { ...(evidence && { evidence }), ...(Object.keys(payload).length > 0 && { payload }) };
    jobs.push(await cut(tx, chunk, { numbers, step, nextSteps, attempt, at, cause: 'split', ...known }));
  }
  return jobs;
}

/** What a new chunk knows of earlier calls for its numbers; `undefined` when no earlier call matters. */
function evidenceOfPart(deps: WorkDeps, chunk: Chunk, part: Again, at: Date): Evidence | undefined {
  const history = { ...inherited(chunk.evidence, at, deps.timings), ...part.history };
  return Object.keys(history).length === 0 ? undefined : seeing(null, { phase: 'before_sending' }, history);
}

/** Which numbers of a part may have left in a call of their own. Without it the part would send them again before Telnyx shows them. */
function sentOfPart(chunk: Chunk, numbers: string[]): Payload | undefined {
  const sent = (chunk.payload?.sent ?? []).filter((n) => numbers.includes(n));
  return sent.length === 0 ? undefined : { sent };
}

/** Ends the numbers for which the step succeeded, or hands them to the next step of the request. */
async function goOn(
  tx: Tx,
  deps: WorkDeps,
  chunk: Chunk,
  { succeeded = [], nextPayload }: Settlement,
  at: Date,
): Promise<AnyEnqueue[]> {
  const [step, ...nextSteps] = chunk.nextSteps;
  if (step === undefined) {
    await endItems(
      tx,
      chunk,
      succeeded.map((n) => ({ ...n, status: 'succeeded' as const })),
      at,
    );
    return [];
  }
  const jobs: AnyEnqueue[] = [];
  for (const slice of inSlices(succeeded, deps.limits.batchSize)) {
    const numbers = slice.map((n) => n.phoneNumber);
    const payload = nextPayload !== undefined && { payload: nextPayload };
    jobs.push(await cut(tx, chunk, { numbers, step, nextSteps, at, cause: 'next_step', ...payload }));
  }
  return jobs;
}

/** Inserts a chunk for some numbers of `chunk`, and hands their items over. Returns its queue job. */
async function cut(
  tx: Tx,
  chunk: Chunk,
  made: Omit<Parameters<typeof insertChunk>[1], 'requestId' | 'lineId' | 'position'>,
): Promise<AnyEnqueue> {
  const { requestId, lineId, position } = chunk;
  const row = await insertChunk(tx, { requestId, lineId, position, ...made });
  await handOver(tx, chunk.id, row.id, made.numbers, made.at);
  return chunkJob(row);
}

/** Records lost numbers. When they are replaced, their slots become free and the buy line of each one searches again. */
async function freeSlots(tx: Tx, chunk: Chunk, lost: Lost | undefined, at: Date): Promise<AnyEnqueue[]> {
  if (lost === undefined || lost.numbers.length === 0 || chunk.lineId === null) return [];
  const { lineId } = chunk;
  const { numbers, cause, replace, heldUntil = null } = lost;
  const because = { cause, at, requestId: chunk.requestId, chunkId: chunk.id };
  await noteLosses(tx, { id: chunk.id, lineId }, { numbers, heldUntil }, because);
  if (!replace) return [];
  const jobs: AnyEnqueue[] = [];
  for (const id of await emptyLostSlots(tx, chunk, numbers, because)) {
    const line = await reopenLine(tx, id, at);
    if (line !== null) jobs.push(lineJob(line));
  }
  return jobs;
}

/** Two lists of nearly equal length. */
export function halves<T>(list: T[]): [T[], T[]] {
  const middle = Math.ceil(list.length / 2);
  return [list.slice(0, middle), list.slice(middle)];
}

/** The two halves of `numbers`, each as a new chunk. */
export const inHalves = (numbers: string[], more: Omit<Again, 'numbers'> = {}): Again[] =>
  halves(numbers).map((half) => ({ ...more, numbers: half }));
