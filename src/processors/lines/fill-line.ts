import type { WorkDeps } from '../../account/deps.ts';
import { closedByFailure, whySpendingStopped } from '../../account/gate.ts';
import { isClaiming, letAllGo } from '../../db/all-or-nothing.ts';
import { canaryRoom } from '../../db/canaries.ts';
import type { Chunk } from '../../db/chunks.ts';
import type { Tx } from '../../db/client.ts';
import { cancelPending } from '../../db/items.ts';
import {
  emptySlots,
  failUnclaimed,
  getLine,
  type Line,
  leaseLine,
  lockLeased,
  looseNumbers,
  releaseLine,
  renewLine,
} from '../../db/lines.ts';
import { getRequest, lockRequest, type Request, refreshRequest } from '../../db/requests.ts';
import { after } from '../../domain/clock.ts';
import { ProvisioningError } from '../../domain/errors.ts';
import { awaitsCanary, heldBack } from '../../domain/hold.ts';
import { done, type Outcome, skipped, snooze } from '../../domain/outcome.ts';
import { searchOf } from '../../domain/request.ts';
import { chunkJob, enqueue } from '../../producers/enqueue.ts';
import { logEnd } from '../../producers/log-lines.ts';
import type { PayloadOf } from '../../queues/catalogue.ts';
import { cutList, cutShared, cutWaiting } from './cut-orders.ts';
import { fillFromList } from './from-list.ts';
import { fillFromSearch } from './from-search.ts';
import type { HeldLine, Round } from './round.ts';

/**
 * Does one round for one buy line: search, check, claim, price, cut chunks. A lease keeps other workers off the buy line
 * meanwhile.
 */
export async function fillLine(deps: WorkDeps, job: PayloadOf<'line.fill'>): Promise<Outcome> {
  const now = deps.clock.now();
  const line = await leaseLine(deps.db.sql, job.lineId, now, after(now, deps.timings.leaseMs));
  if (line === null) return whileTaken(deps, job.lineId, now);
  const request = await getRequest(deps.db.sql, line.requestId);
  if (request === null || request.cancelRequestedAt !== null || request.status === 'awaiting_approval') {
    const changed = await deps.db.sql.begin(async (tx) => {
      const locked = await lockRequest(tx, line.requestId);
      // A slot may have become free after the cancel, because its number was lost. Nothing else would end this slot.
      if (locked !== null && locked.cancelRequestedAt !== null) await cancelPending(tx, line.requestId, now);
      await releaseLine(tx, line, { at: now, nextRunAt: null });
      return refreshRequest(tx, line.requestId, now);
    });
    await logEnd(deps, changed);
    return skipped('the request was cancelled or waits for approval');
  }
  if (heldBack(request, now) !== null) return parkHeldLine(deps, line, now);
  const stopped = await whySpendingStopped(deps);
  const held: HeldLine = { line, keep: () => keepLine(deps, held) };
  const round: Round =
    stopped === null ? await runRound(deps, held, request) : { kind: 'again', delayMs: deps.timings.backoffMs, reason: stopped };
  return finishRound(deps, held.line, round);
}

/**
 * Parks a buy line whose request is held back. What ends the hold makes it due again, in a transaction that locks the request as this
 * one does.
 */
async function parkHeldLine(deps: WorkDeps, line: Line, now: Date): Promise<Outcome> {
  const held = await deps.db.sql.begin(async (tx) => {
    const request = await lockRequest(tx, line.requestId);
    const held = request === null ? null : heldBack(request, now);
    await releaseLine(tx, line, { at: now, nextRunAt: held === null ? now : held.until });
    return held;
  });
  if (held === null) return snooze(0, 'no longer held back');
  return held.until === null ? skipped(held.reason) : snooze(held.until.getTime() - now.getTime(), held.reason);
}

/** Extends the lease. A round of many searches calls it before each search. Throws `lease_lost` (retry). */
async function keepLine(deps: WorkDeps, held: HeldLine): Promise<void> {
  const now = deps.clock.now();
  const renewed = await renewLine(deps.db.sql, held.line, now, after(now, deps.timings.leaseMs));
  if (renewed === null) throw new ProvisioningError('lease_lost', 'retry', 'another worker fills this buy line by now');
  held.line = renewed;
}

/**
 * Comes back when the lease of the buy line ends. The worker that has the lease may be dead, and this may be its only queue job;
 * the sweep would find it later.
 */
async function whileTaken(deps: WorkDeps, lineId: string, now: Date): Promise<Outcome> {
  const line = await getLine(deps.db.sql, lineId);
  const leftMs = (line?.leaseUntil?.getTime() ?? 0) - now.getTime();
  if (leftMs < 0) return skipped('nothing to fill');
  return snooze(leftMs + 1, 'another worker fills this buy line');
}

/** Searches for what the buy line still needs. Does nothing when it has all its numbers. */
async function runRound(deps: WorkDeps, held: HeldLine, request: Request): Promise<Round> {
  const { line } = held;
  try {
    const room = awaitsCanary(request) ? await canaryRoom(deps.db.sql, request) : Number.POSITIVE_INFINITY;
    if (room <= 0) return { kind: 'behind_canary' };
    if (line.criteria.kind === 'list') {
      const numbers = await looseNumbers(deps.db.sql, line.id);
      return numbers.length === 0 ? { kind: 'nothing' } : await fillFromList(deps, held, line.criteria, numbers, room);
    }
    const slots = await emptySlots(deps.db.sql, line.id);
    await cutWaiting(deps, line, line.criteria, slots === 0);
    return slots === 0 ? { kind: 'nothing' } : await fillFromSearch(deps, line, line.criteria, slots);
  } catch (error) {
    return afterFailure(deps, error);
  }
}

/** A search changes nothing, so every failure but a refusal for good is tried again. */
async function afterFailure(deps: WorkDeps, error: unknown): Promise<Round> {
  if (!(error instanceof ProvisioningError)) throw error;
  await closedByFailure(deps, error);
  if (error.disposition === 'rejected' || error.disposition === 'bug')
    return { kind: 'exhausted', code: error.code, reason: error.message };
  return { kind: 'again', delayMs: error.retryAfterMs ?? deps.timings.backoffMs, reason: error.code };
}

/** Writes the result of a round and releases the buy line. */
async function finishRound(deps: WorkDeps, line: Line, round: Round): Promise<Outcome> {
  const at = deps.clock.now();
  if (round.kind === 'again') {
    const { rung, cursor } = round;
    await releaseLine(deps.db.sql, line, {
      at,
      nextRunAt: after(at, round.delayMs),
      ...(rung !== undefined && { rung }),
      ...(cursor !== undefined && { cursor }),
    });
    return snooze(round.delayMs, round.reason);
  }
  const { left, cut, changed } = await deps.db.sql.begin(async (tx) => {
    const request = await lockRequest(tx, line.requestId);
    if (request === null || !(await lockLeased(tx, line))) return { left: 0, cut: [], changed: null };
    const cut = await cutAfter(tx, deps, line, { round, request, at });
    const isBehind = round.kind === 'behind_canary' && awaitsCanary(request) && (await canaryRoom(tx, request)) <= 0;
    // A slot may have become free while this round ran. The buy line then goes on at once.
    const slots = isBehind ? 0 : (await emptySlots(tx, line.id)) + (await looseNumbers(tx, line.id)).length;
    await releaseLine(tx, line, {
      at,
      nextRunAt: slots > 0 ? at : null,
      ...(round.kind === 'exhausted' && { rung: 0, cursor: 0 }),
    });
    return { left: slots, cut, changed: await refreshRequest(tx, line.requestId, at) };
  });
  await enqueue(
    deps,
    cut.map((c) => chunkJob(c)),
  );
  await logEnd(deps, changed);
  if (left > 0) return snooze(0, 'slots became free');
  if (round.kind === 'behind_canary') return skipped('waits until the first numbers are judged');
  if (round.kind === 'nothing') return skipped('the buy line has all its numbers');
  return done(round.kind === 'filled' ? 'the buy line has all its numbers' : `${round.code}: ${round.reason}`);
}

/**
 * Cuts what the buy line has claimed and orders cannot wait for any longer, and fails the slots of a buy line that is exhausted. A buy
 * that may order nothing without them ends there.
 */
async function cutAfter(
  tx: Tx,
  deps: WorkDeps,
  line: Line,
  { round, request, at }: { round: Exclude<Round, { kind: 'again' }>; request: Request; at: Date },
): Promise<Chunk[]> {
  const criteria = searchOf(line);
  const mayCut = request.cancelRequestedAt === null && request.finishedAt === null;
  if (round.kind === 'behind_canary' && mayCut && criteria === null) {
    const found = (await looseNumbers(tx, line.id)).filter((n) => n.searchedAt !== null).map((n) => n.phoneNumber);
    return cutList(tx, deps, request, line, found, at);
  }
  if (round.kind !== 'exhausted') return [];
  const isShort = isClaiming(request);
  // What this buy line has claimed is ordered. Only its empty slots fail.
  const cut =
    mayCut && criteria !== null && !isShort ? await cutShared(tx, deps, { request, line, criteria, all: true }, at) : [];
  const failed = await failUnclaimed(tx, line, { code: round.code, reason: round.reason, at });
  if (isShort && failed > 0) await letAllGo(tx, request, `nothing was ordered: ${round.reason}`, at);
  return cut;
}
