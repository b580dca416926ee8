import type { WorkDeps } from '../../../account/deps.ts';
import { logUnlessOff } from '../../../account/feature-off.ts';
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
import { ageOf, openOrderOf, readOrder } from './read-order.ts';
import { orderSettlement } from './settlement.ts';

type Open = Extract<Observed<OverOrder>, { kind: 'open' }>;

/**
 * Polls an order without holding a worker. In an open order, numbers that are final are settled at once, so that they do not wait
 * for the paperwork of other numbers. Errors: those of the database, `no_order_id` (a bug).
 */
export async function observeOrder(deps: WorkDeps, chunk: OrderChunk): Promise<Observed<OverOrder>> {
  const items = await openItemsOfChunk(deps.db.sql, chunk.id);
  const open = new Set(items.map((i) => i.phoneNumber));
  const owed = chunk.numbers.filter((n) => open.has(n));
  const read = await readOrder(deps, chunk);
  if (read === 'unreadable') return openFor(deps, chunk, chunk.waiting);
  if (read === 'listed_as_open') return openFor(deps, chunk, false);
  if (read === 'gone') return { kind: 'contradiction', why: `Telnyx accepted order ${chunk.telnyxId} and now does not know it` };
  const { order, isListed } = read;
  const foreign = whyForeign(chunk, owed, order);
  if (foreign !== null) return { kind: 'contradiction', why: foreign };
  if (isOver(order)) {
    deps.openOrders.ended(openOrderOf(chunk), order);
    return { kind: 'over', over: { order, owed, isListed } };
  }
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

/**
 * Says when to poll again: as `OpenOrders` says while the order is young, and every few minutes (`coldPollMs`) while Telnyx waits
 * for paperwork.
 */
function openFor(deps: WorkDeps, chunk: Chunk, waiting: boolean): Open {
  const { timings: t } = deps;
  const isYoung = !waiting && ageOf(deps, chunk) <= t.hotPollMs;
  const delayMs = isYoung
    ? deps.openOrders.nextReadIn({ ...openOrderOf(chunk), polls: chunk.polls + 1 })
    : backoff(chunk.polls, t.pollMaxMs, t.coldPollMs);
  return { kind: 'open', delayMs, reason: waiting ? 'waits for paperwork' : 'pending at Telnyx' };
}

/** True when the status of the order is final. An order with the status `success` must have no open order line either. */
function isOver(order: Order): boolean {
  return isFinalStatus(order.status) && order.lines.every((l) => l.status !== 'pending' || order.status !== 'success');
}

/**
 * True for an order that waits for paperwork or takes longer than `hotPollMs`. All numbers of any other order are judged together
 * when it ends.
 */
function isSlow(deps: WorkDeps, chunk: Chunk, order: Order): boolean {
  return order.requirementsMet === false || ageOf(deps, chunk) > deps.timings.hotPollMs;
}

/**
 * Why this order cannot belong to the chunk, or `null`. A person may have adopted the wrong order, and a number that this order
 * does not carry is not lost.
 */
function whyForeign(chunk: Chunk, owed: string[], order: Order): string | null {
  if (order.customerReference === chunk.customerReference || order.lines.length === 0) return null;
  const theirs = new Set(order.lines.map((l) => l.phoneNumber));
  const lacking = owed.filter((n) => !theirs.has(n));
  return lacking.length === 0 ? null : `order ${order.id} does not carry ${lacking.length} of the ${owed.length} numbers`;
}

/**
 * Settles the final numbers of an open order, because Telnyx handles each part of an order on its own. A successful line whose
 * number is ours counts as bought. A failed line counts as lost when no check shows its number as ours for a settling window.
 * `seen` records failed lines that are not lost yet. `null` means that nothing changed.
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

/**
 * Reads which documents are missing and until when Telnyx waits, as text. A failed read returns `null` and does not stop the
 * wait.
 */
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

/**
 * Cancels the order at Telnyx when the user cancelled the request. Telnyx cancels only the parts that it has not begun. The next
 * poll shows the result.
 */
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
