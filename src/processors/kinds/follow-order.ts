import type { WorkDeps } from '../../account/deps.ts';
import { logUnlessOff } from '../../account/feature-off.ts';
import { closedByFailure } from '../../account/gate.ts';
import { type Chunk, touchChunk } from '../../db/chunks.ts';
import { getRequest, lockRequest, noteTrouble, refreshRequest } from '../../db/requests.ts';
import { after } from '../../domain/clock.ts';
import { asError, ProvisioningError } from '../../domain/errors.ts';
import { isFinalStatus, judgeNumber, type NumberVerdict } from '../../domain/order-outcome.ts';
import { done, type Outcome, snooze } from '../../domain/outcome.ts';
import { backoff, mayTakeEffectLate } from '../../domain/submission.ts';
import type { Order } from '../../telnyx/gateway.ts';
import { movedByOthers } from '../chunk/after-send.ts';
import { park } from '../chunk/look-up.ts';
import { ownedByRequest } from './owned-by-request.ts';
import { settleOrder } from './settle-order.ts';
import { settlePart, stillOwed } from './settle-part.ts';

/** A line that stays open in an order that is called a failure is waited for this many settling windows. */
const OPEN_LINE_WINDOWS = 5;

/**
 * Polls an order until Telnyx has said its last word on every number, and settles each as early as that can be known. Holds no
 * worker while it waits.
 */
export async function followOrder(deps: WorkDeps, followed: Chunk): Promise<Outcome> {
  const chunk = await stillOwed(deps, followed);
  const order = await readOrder(deps, chunk);
  if (order === 'unreadable') return waitForOrder(deps, chunk, null);
  if (order === 'gone') return parkWith(deps, chunk, `Telnyx accepted order ${chunk.telnyxId} and now does not know it`);
  const foreign = whyForeign(chunk, order);
  if (foreign !== null) return parkWith(deps, chunk, foreign);
  if (!isOver(order)) {
    await cancelIfWanted(deps, chunk, order);
    const part = isSlow(deps, chunk, order) ? await settlePart(deps, chunk, order) : null;
    return part ?? waitForOrder(deps, chunk, order);
  }
  return judgeOrder(deps, chunk, order);
}

async function readOrder(deps: WorkDeps, chunk: Chunk): Promise<Order | 'unreadable' | 'gone'> {
  if (chunk.telnyxId === null)
    throw new ProvisioningError('no_order_id', 'bug', `chunk ${chunk.id} is submitted without an order id`);
  try {
    return await deps.telnyx.getOrder(chunk.telnyxId);
  } catch (error) {
    if (error instanceof ProvisioningError) await closedByFailure(deps, error);
    // Not only "not found": an id that a person adopted may be none at all.
    const absent = error instanceof ProvisioningError && error.disposition === 'rejected';
    if (absent && ageOf(deps, chunk) > deps.timings.settleMs) return 'gone';
    deps.log.warn(
      { err: asError(error), chunkId: chunk.id, requestId: chunk.requestId },
      'the order could not be read, trying again',
    );
    return 'unreadable';
  }
}

/** An order is over when its own status is final; one called a success has no open line either. */
function isOver(order: Order): boolean {
  return isFinalStatus(order.status) && order.lines.every((l) => l.status !== 'pending' || order.status !== 'success');
}

/** An order that waits for paperwork, or takes longer than orders do. In any other one all numbers are judged together soon. */
function isSlow(deps: WorkDeps, chunk: Chunk, order: Order): boolean {
  return order.requirementsMet === false || ageOf(deps, chunk) > deps.timings.hotPollMs;
}

const ageOf = (deps: WorkDeps, chunk: Chunk): number =>
  deps.clock.now().getTime() - (chunk.submittedAt ?? chunk.createdAt).getTime();

/** Why this cannot be the order of the chunk: a person may have adopted another one, and what it lacks is not lost. */
function whyForeign(chunk: Chunk, order: Order): string | null {
  if (order.customerReference === chunk.customerReference || order.lines.length === 0) return null;
  const theirs = new Set(order.lines.map((l) => l.phoneNumber));
  const lacking = chunk.numbers.filter((n) => !theirs.has(n));
  return lacking.length === 0
    ? null
    : `order ${order.id} does not carry ${lacking.length} of the ${chunk.numbers.length} numbers`;
}

async function waitForOrder(deps: WorkDeps, chunk: Chunk, order: Order | null): Promise<Outcome> {
  const { timings: t } = deps;
  const now = deps.clock.now();
  const waiting = order === null ? chunk.waiting : order.requirementsMet === false;
  const age = ageOf(deps, chunk);
  const delayMs =
    waiting || age > t.hotPollMs
      ? backoff(chunk.polls, t.pollMaxMs, t.coldPollMs)
      : backoff(chunk.polls, t.pollMinMs, t.pollMaxMs);
  const needs = waiting ? await readPaperwork(deps, chunk, order) : null;
  await deps.db.sql.begin(async (tx) => {
    await lockRequest(tx, chunk.requestId);
    await touchChunk(tx, chunk, now, {
      polls: chunk.polls + 1,
      waiting,
      ...(needs !== null && { deadline: needs.deadline, errorCode: 'requirements_not_met', error: needs.text }),
      nextRunAt: after(now, delayMs),
    });
    if (waiting !== chunk.waiting) await refreshRequest(tx, chunk.requestId, now);
    if (needs !== null) await noteTrouble(tx, chunk.requestId, 'requirements_not_met', needs.text);
  });
  return snooze(delayMs, waiting ? 'waits for paperwork' : 'pending at Telnyx');
}

/** What is missing and until when, in words. A failed read is no reason to stop waiting. */
async function readPaperwork(
  deps: WorkDeps,
  chunk: Chunk,
  order: Order | null,
): Promise<{ deadline: Date | null; text: string } | null> {
  const lineId = order?.unmetLineId ?? null;
  if (lineId === null) return null;
  try {
    const { deadline, missing } = await deps.telnyx.paperwork(lineId);
    const what = missing.length === 0 ? 'its requirements' : missing.join(', ');
    const until = deadline === null ? '' : `; Telnyx cancels it on ${deadline}`;
    return {
      deadline: deadline === null ? null : new Date(deadline),
      text: `order ${order?.id} waits for paperwork: ${what}${until}`,
    };
  } catch (error) {
    logUnlessOff(deps, error, { chunkId: chunk.id, requestId: chunk.requestId }, 'the paperwork of the order could not be read');
    return null;
  }
}

/** Cancels at Telnyx what the user cancelled and Telnyx has not begun; what came of it shows in the next poll. */
async function cancelIfWanted(deps: WorkDeps, chunk: Chunk, order: Order): Promise<void> {
  const request = await getRequest(deps.db.sql, chunk.requestId);
  if (request?.cancelRequestedAt == null) return;
  const fields = { chunkId: chunk.id, requestId: chunk.requestId, orderId: order.id };
  try {
    const { done, total, why } = await deps.telnyx.cancelOrder(order);
    if (why === null) return;
    const text = `${done} of ${total} parts of order ${order.id} are cancelled; the others stay at Telnyx: ${why}`;
    if (text !== request.error) deps.log.warn(fields, text);
    await noteTrouble(deps.db.sql, chunk.requestId, 'cancel_incomplete', text);
  } catch (error) {
    deps.log.warn({ ...fields, err: asError(error) }, 'the order could not be cancelled yet');
    if (!(error instanceof ProvisioningError) || error.disposition !== 'rejected') return;
    await noteTrouble(deps.db.sql, chunk.requestId, 'cancel_incomplete', `order ${order.id} is not cancelled: ${error.message}`);
  }
}

/** Holds every line against ownership; settles when all are clear, else looks again soon. */
async function judgeOrder(deps: WorkDeps, chunk: Chunk, order: Order): Promise<Outcome> {
  const now = deps.clock.now();
  const owned = await ownedByRequest(deps, chunk);
  const looks = [...(chunk.evidence?.looks ?? []), { at: now.toISOString(), found: [order.id], owned: owned.size }];
  const finalSince = new Date(looks[0]?.at ?? now);
  const windows = (now.getTime() - finalSince.getTime()) / deps.timings.settleMs;
  const patience = {
    resent: mayTakeEffectLate(chunk.evidence, now),
    looks: looks.length,
    windowOver: windows >= 1,
    linesOver: windows >= OPEN_LINE_WINDOWS,
  };
  const statusOf = new Map(order.lines.map((l) => [l.phoneNumber, l.status]));
  const verdicts = new Map<string, NumberVerdict>(
    chunk.numbers.map((phoneNumber) => [
      phoneNumber,
      judgeNumber({ phoneNumber, lineStatus: statusOf.get(phoneNumber) ?? null, owned: owned.has(phoneNumber) }, patience),
    ]),
  );
  if ([...verdicts.values()].includes('unclear')) {
    const delayMs = backoff(looks.length - 1, deps.timings.lookMinMs / 2, deps.timings.lookMaxMs);
    const evidence = { ...chunk.evidence, because: chunk.evidence?.because ?? 'order_final', looks };
    await touchChunk(deps.db.sql, chunk, now, { evidence, nextRunAt: after(now, delayMs) });
    return snooze(delayMs, 'order and ownership do not agree yet');
  }
  const bought = chunk.numbers
    .filter((n) => verdicts.get(n) === 'bought')
    .map((phoneNumber) => ({ phoneNumber, telnyxId: owned.get(phoneNumber) ?? null }));
  const lost = chunk.numbers.filter((n) => verdicts.get(n) === 'lost');
  const settled = await settleOrder(deps, chunk, {
    cause: 'finished',
    bought,
    lost,
    orderStatus: order.status,
    ...(chunk.waiting && order.requirementsMet !== true && { unmet: unmetOf(order) }),
  });
  return settled ? done(`settled: ${bought.length} bought, ${lost.length} lost`) : movedByOthers;
}

/** The numbers whose own requirements were not met. */
const unmetOf = (order: Order): Set<string> =>
  new Set(order.lines.flatMap((l) => (l.requirementsMet === true ? [] : [l.phoneNumber])));

/** For a person: nothing is bought again meanwhile. */
const parkWith = (deps: WorkDeps, chunk: Chunk, conclusion: string): Promise<Outcome> =>
  park(deps, chunk, { ...(chunk.evidence ?? { because: 'order_unclear', looks: [] }), conclusion });
