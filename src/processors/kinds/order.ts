import type { WorkDeps } from '../../account/deps.ts';
import { logUnlessOff } from '../../account/feature-off.ts';
import { whySpendingStopped } from '../../account/gate.ts';
import { type Chunk, touchChunk } from '../../db/chunks.ts';
import { backoff, isRecent } from '../../domain/clock.ts';
import type { ProvisioningError } from '../../domain/errors.ts';
import { mayTakeEffectLate, seeing, seenIn } from '../../domain/evidence.ts';
import { refusedForNumbers } from '../../domain/lost-call.ts';
import { judgeNumber, type NumberVerdict } from '../../domain/order-outcome.ts';
import type { StepOf } from '../../domain/step.ts';
import type { Order } from '../../telnyx/gateway.ts';
import type { ChunkKind, Doubt, Judgement, Prepared, Refusal } from '../chunk/kind.ts';
import type { Settlement } from '../chunk/settle.ts';
import { refreshedSearch } from '../guards/refresh-search.ts';
import { bisected, waitsForOtherHalf } from './order/bisect.ts';
import { observeOrder } from './order/open.ts';
import { type OrderChunk, type OverOrder, ownedByRequest } from './order/owned.ts';
import { openOrderOf } from './order/read-order.ts';
import { orderSettlement } from './order/settlement.ts';
import { takenApart } from './order/take-apart.ts';

/** How many settling windows an open order line is waited for, when Telnyx calls the order itself a failure. */
const OPEN_LINE_WINDOWS = 5;

/**
 * A number order: the only call that spends money. It is sent once, looked up when its reply is lost, and settled number by
 * number.
 */
export const order: ChunkKind<StepOf<'order'>, OverOrder> = {
  holdsSlot: false,
  buys: true,
  prepare,
  whileClaiming: reserveAhead,
  send: async (telnyx, chunk, lastCheck) =>
    (await telnyx.createOrder(chunk.numbers, chunk.customerReference, chunk.step.settings, lastCheck)).id,
  refused,
  firstPoll: (deps, chunk) => ({ delayMs: deps.openOrders.nextReadIn(openOrderOf(chunk)) }),
  observe: observeOrder,
  judge,
  find: async (deps, chunk) => {
    const orders = await deps.telnyx.findOrders(chunk.customerReference);
    return { ids: orders.map((o) => o.id), owned: await ownedByRequest(deps, chunk, chunk.numbers) };
  },
  settleDoubt,
};

async function prepare(deps: WorkDeps, chunk: OrderChunk): Promise<Prepared> {
  const wait = (reason: string): Prepared => ({ kind: 'wait', chunk, delayMs: deps.timings.backoffMs, reason });
  const stopped = await whySpendingStopped(deps);
  if (stopped !== null) return wait(stopped);
  if (await waitsForOtherHalf(deps, chunk)) return wait('the other half of the order goes first');
  const settlement = await refreshedSearch(deps, chunk);
  if (settlement !== null) return { kind: 'settle', chunk, settlement };
  // Numbers are reserved once only: `submittingAt` is set by the first claim and stays.
  if (chunk.step.settings.reserve === true && chunk.submittingAt === null && !isReserved(deps, chunk)) await reserve(deps, chunk);
  return { kind: 'ready', chunk, numbers: chunk.numbers, payload: {} };
}

/** How long Telnyx keeps a reservation, in milliseconds. */
const RESERVED_MS = 30 * 60_000;

const isReserved = (deps: WorkDeps, { payload }: Chunk): boolean => isRecent(payload?.reservedAt, deps.clock.now(), RESERVED_MS);

/** Reserves the numbers of an order that must wait for other numbers of its buy, and notes it in the row. */
async function reserveAhead(deps: WorkDeps, chunk: OrderChunk): Promise<void> {
  if (chunk.step.settings.reserve !== true || isReserved(deps, chunk) || (await whySpendingStopped(deps)) !== null) return;
  const at = deps.clock.now();
  await reserve(deps, chunk);
  await touchChunk(deps.db.sql, chunk, at, { payload: { ...chunk.payload, reservedAt: at.toISOString() } });
}

/** Reserves the numbers for half an hour. When Telnyx refuses (85006, 85007), the order is sent without a reservation. */
async function reserve(deps: WorkDeps, chunk: OrderChunk): Promise<void> {
  try {
    await deps.telnyx.reserve(chunk.numbers, chunk.customerReference);
  } catch (error) {
    logUnlessOff(deps, error, {}, 'the numbers could not be reserved; ordering without a reservation');
  }
}

/**
 * Decides what a refused order means. A refusal for the numbers may be caused by our own earlier purchase, so the account is
 * checked before anything is concluded.
 */
async function refused(deps: WorkDeps, chunk: OrderChunk, failure: ProvisioningError): Promise<Refusal> {
  // The search is too old, so the next attempt searches first. The second refusal of this kind in a row counts as a refusal for
  // the numbers.
  if (failure.code === 'search_expired' && chunk.errorCode !== failure.code) return { kind: 'retry' };
  if (refusedForNumbers(failure.code)) return { kind: 'maybe_ours' };
  if (failure.disposition !== 'rejected' && failure.disposition !== 'bug') return { kind: 'by_disposition' };
  return failure.code === 'too_many_numbers' ? { kind: 'split' } : bisected(deps, chunk, failure);
}

/** Compares every order line with ownership. Settles when all numbers are clear; otherwise checks again soon. */
async function judge(deps: WorkDeps, chunk: OrderChunk, { order: seen, owed, isListed }: OverOrder): Promise<Judgement> {
  const now = deps.clock.now();
  const owned = await ownedByRequest(deps, chunk, owed);
  if (isListed && owed.every((n) => owned.has(n))) {
    const settlement = await orderSettlement(deps, chunk, {
      cause: 'finished',
      bought: owed.map((phoneNumber) => ({ phoneNumber, telnyxId: owned.get(phoneNumber) ?? null })),
      lost: [],
      orderStatus: seen.status,
      ownedAt: now,
    });
    return { kind: 'settle', settlement, said: `settled: ${owed.length} bought` };
  }
  // The list does not say which numbers were delivered, and ownership does not show all of them.
  const over = isListed ? await deps.telnyx.getOrder(seen.id) : seen;
  const before = seenIn(chunk.evidence, 'final')?.checks ?? [];
  const checks = [...before, { at: now.toISOString(), found: [over.id], owned: owned.size }];
  const windows = (now.getTime() - new Date(checks[0]?.at ?? now).getTime()) / deps.timings.settleMs;
  const patience = {
    resent: mayTakeEffectLate(chunk.evidence, now),
    checks: checks.length,
    windowOver: windows >= 1,
    linesOver: windows >= OPEN_LINE_WINDOWS,
  };
  const statusOf = new Map(over.lines.map((l) => [l.phoneNumber, l.status]));
  const verdictOf = (n: string): NumberVerdict =>
    judgeNumber({ phoneNumber: n, lineStatus: statusOf.get(n) ?? null, owned: owned.has(n) }, patience);
  const verdicts = new Map(owed.map((n) => [n, verdictOf(n)]));
  if ([...verdicts.values()].includes('unclear')) {
    const delayMs = backoff(checks.length - 1, deps.timings.checkMinMs / 2, deps.timings.checkMaxMs);
    const evidence = seeing(chunk.evidence, { phase: 'final', checks });
    return { kind: 'check_again', evidence, delayMs, reason: 'order and ownership do not agree yet' };
  }
  const bought = owed.filter((n) => verdicts.get(n) === 'bought');
  const lost = owed.filter((n) => verdicts.get(n) === 'lost');
  const settlement = await orderSettlement(deps, chunk, {
    cause: 'finished',
    bought: bought.map((phoneNumber) => ({ phoneNumber, telnyxId: owned.get(phoneNumber) ?? null })),
    lost,
    orderStatus: over.status,
    ...(bought.every((n) => owned.has(n)) && { ownedAt: now }),
    ...(chunk.waiting && over.requirementsMet !== true && { unmet: unmetOf(over) }),
  });
  return { kind: 'settle', settlement, said: `settled: ${bought.length} bought, ${lost.length} lost` };
}

/** The numbers whose requirements Telnyx does not report as met. */
const unmetOf = (over: Order): Set<string> =>
  new Set(over.lines.flatMap((l) => (l.requirementsMet === true ? [] : [l.phoneNumber])));

/** Settles an order whose outcome the checks have cleared up: refused, or owned although no order was found. */
async function settleDoubt(deps: WorkDeps, chunk: OrderChunk, doubt: Doubt): Promise<Settlement | 'unproven'> {
  if (doubt.kind === 'refused') return takenApart(deps, chunk, doubt);
  return orderSettlement(deps, chunk, {
    cause: 'owned_without_order',
    bought: chunk.numbers.map((phoneNumber) => ({ phoneNumber, telnyxId: doubt.owned.get(phoneNumber) ?? null })),
    lost: [],
    orderStatus: 'not found, but all numbers are ours',
  });
}
