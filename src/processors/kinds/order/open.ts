import type { WorkDeps } from '../../../account/deps.ts';
import { logUnlessOff } from '../../../account/feature-off.ts';
import { closedByFailure } from '../../../account/gate.ts';
import type { Chunk } from '../../../db/chunks.ts';
import { openItemsOfChunk } from '../../../db/items.ts';
import { getRequest, noteTrouble } from '../../../db/requests.ts';
import { backoff } from '../../../domain/clock.ts';
import { asError, ProvisioningError } from '../../../domain/errors.ts';
import { type Evidence, seeing, seenIn } from '../../../domain/evidence.ts';
import { isFinalStatus, judgeEarly } from '../../../domain/order-outcome.ts';
import { checkedAgain, hiddenFor } from '../../../domain/streaks.ts';
import type { Order } from '../../../telnyx/gateway.ts';
import type { Observed, Trouble } from '../../chunk/kind.ts';
import { type OrderChunk, type OverOrder, ownedByRequest } from './owned.ts';
import { orderSettlement } from './settlement.ts';

type Open = Extract<Observed<OverOrder>, { kind: 'open' }>;

/**
 * Polls an order. Numbers of an open order that have their end are settled before the others, so that they do not wait for the
 * paperwork of others. Holds no worker while it waits.
 */
export async function observeOrder(deps: WorkDeps, chunk: OrderChunk): Promise<Observed<OverOrder>> {
  const items = await openItemsOfChunk(deps.db.sql, chunk.id);
  const open = new Set(items.map((i) => i.phoneNumber));
  const owed = chunk.numbers.filter((n) => open.has(n));
  const order = await readOrder(deps, chunk);
  if (order === 'unreadable') return openFor(deps, chunk, chunk.waiting);
  if (order === 'gone') return { kind: 'contradiction', why: `Telnyx accepted order ${chunk.telnyxId} and now does not know it` };
  const foreign = whyForeign(chunk, owed, order);
  if (foreign !== null) return { kind: 'contradiction', why: foreign };
  if (isOver(order)) return { kind: 'over', over: { order, owed } };
  await cancelIfWanted(deps, chunk, order);
  const part = isSlow(deps, chunk, order) ? await settledPart(deps, chunk, order, owed) : null;
  if (part?.kind === 'part') return part;
  const waiting = order.requirementsMet === false;
  const trouble = waiting ? await readPaperwork(deps, order) : null;
  return {
    ...openFor(deps, chunk, waiting),
    waiting,
    ...(trouble !== null && { trouble }),
    ...(part !== null && { seen: part.seen }),
  };
}

/** When to poll again: from 2 s on while the order is young, seldom while Telnyx waits for paperwork. */
function openFor(deps: WorkDeps, chunk: Chunk, waiting: boolean): Open {
  const { timings: t } = deps;
  const delayMs =
    waiting || ageOf(deps, chunk) > t.hotPollMs
      ? backoff(chunk.polls, t.pollMaxMs, t.coldPollMs)
      : backoff(chunk.polls, t.pollMinMs, t.pollMaxMs);
  return { kind: 'open', delayMs, reason: waiting ? 'waits for paperwork' : 'pending at Telnyx' };
}

async function readOrder(deps: WorkDeps, chunk: Chunk): Promise<Order | 'unreadable' | 'gone'> {
  if (chunk.telnyxId === null)
    throw new ProvisioningError('no_order_id', 'bug', `chunk ${chunk.id} is submitted without an order id`);
  try {
    return await deps.telnyx.getOrder(chunk.telnyxId);
  } catch (error) {
    if (error instanceof ProvisioningError) await closedByFailure(deps, error);
    // Not only "not found": the id that a person adopted may belong to no order at all.
    const absent = error instanceof ProvisioningError && error.disposition === 'rejected';
    if (absent && ageOf(deps, chunk) > deps.timings.settleMs) return 'gone';
    deps.log.warn({ err: asError(error) }, 'the order could not be read, trying again');
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

/** Why this cannot be the order of the chunk: a person may have adopted another one, and a number that it lacks is not lost. */
function whyForeign(chunk: Chunk, owed: string[], order: Order): string | null {
  if (order.customerReference === chunk.customerReference || order.lines.length === 0) return null;
  const theirs = new Set(order.lines.map((l) => l.phoneNumber));
  const lacking = owed.filter((n) => !theirs.has(n));
  return lacking.length === 0 ? null : `order ${order.id} does not carry ${lacking.length} of the ${owed.length} numbers`;
}

/**
 * Settles the numbers of an open order that have their end: a success that is ours is bought, a failure that stays not ours for a
 * settling window is lost. Telnyx handles each part of an order on its own. `seen` notes failed lines that are not lost yet; `null`
 * when there is nothing to note.
 */
async function settledPart(
  deps: WorkDeps,
  chunk: OrderChunk,
  order: Order,
  owed: string[],
): Promise<Extract<Observed<OverOrder>, { kind: 'part' }> | { kind: 'seen'; seen: Evidence } | null> {
  const lines = new Map(order.lines.map((l) => [l.phoneNumber, l]));
  const final = owed.filter((n) => isFinalStatus(lines.get(n)?.status ?? ''));
  if (final.length === 0) return null;
  const now = deps.clock.now();
  const owned = await ownedByRequest(deps, chunk, final);
  const verdictOf = (phoneNumber: string) => {
    const line = lines.get(phoneNumber);
    return judgeEarly({
      phoneNumber,
      lineStatus: line?.status ?? null,
      requirementsMet: line?.requirementsMet ?? null,
      owned: owned.has(phoneNumber),
    });
  };
  const bought = final.filter((n) => verdictOf(n) === 'bought');
  const failed = final.filter((n) => verdictOf(n) === 'failed');
  const before = seenIn(chunk.evidence, 'open')?.failedLines;
  const failedLines = checkedAgain(before, failed, now);
  const lost = failed.filter((n) => hiddenFor(failedLines[n], now, deps.timings.settleMs));
  if (bought.length + lost.length === 0) {
    if (failed.length === 0 && before === undefined) return null;
    return { kind: 'seen', seen: seeing(chunk.evidence, { phase: 'open', failedLines }) };
  }
  const isAll = bought.length + lost.length === owed.length;
  const settlement = await orderSettlement(deps, chunk, {
    cause: isAll ? 'finished' : 'part_finished',
    bought: bought.map((phoneNumber) => ({ phoneNumber, telnyxId: owned.get(phoneNumber) ?? null })),
    lost,
    orderStatus: order.status,
  });
  return { kind: 'part', settlement, said: `settled early: ${bought.length} bought, ${lost.length} lost` };
}

/** What is missing and until when, in words. A failed read is no reason to stop waiting. */
async function readPaperwork(deps: WorkDeps, order: Order): Promise<Trouble | null> {
  const lineId = order.unmetLineId;
  if (lineId === null) return null;
  try {
    const { deadline, missing } = await deps.telnyx.paperwork(lineId);
    const what = missing.length === 0 ? 'its requirements' : missing.join(', ');
    const until = deadline === null ? '' : `; Telnyx cancels it on ${deadline}`;
    return {
      code: 'requirements_not_met',
      deadline: deadline === null ? null : new Date(deadline),
      text: `order ${order.id} waits for paperwork: ${what}${until}`,
    };
  } catch (error) {
    logUnlessOff(deps, error, {}, 'the paperwork of the order could not be read');
    return null;
  }
}

/** Cancels at Telnyx what the user cancelled and Telnyx has not begun; what came of it shows in the next poll. */
async function cancelIfWanted(deps: WorkDeps, chunk: Chunk, order: Order): Promise<void> {
  const request = await getRequest(deps.db.sql, chunk.requestId);
  if (request?.cancelRequestedAt == null) return;
  const fields = { orderId: order.id };
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
