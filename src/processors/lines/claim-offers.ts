import type { WorkDeps } from '../../account/deps.ts';
import { balanceShortfall } from '../../account/gate.ts';
import { noteAllClaimed } from '../../db/all-or-nothing.ts';
import { canaryRoom } from '../../db/canaries.ts';
import type { SqlOrTx } from '../../db/client.ts';
import { wakeHeld } from '../../db/holds.ts';
import { committedCost } from '../../db/items.ts';
import { fillSlots, heldCost, type Line, lockLeased, priceListed } from '../../db/lines.ts';
import { getRequest, lockRequest, noteTrouble, type Request, refreshRequest } from '../../db/requests.ts';
import { awaitsCanary } from '../../domain/hold.ts';
import { formatMoney, moneyOf } from '../../domain/money.ts';
import { searchOf } from '../../domain/request.ts';
import { jobsOfWoken } from '../../producers/actions/pause.ts';
import { chunkJob, enqueue } from '../../producers/enqueue.ts';
import { logBegin } from '../../producers/log-lines.ts';
import type { Offer } from '../../telnyx/gateway.ts';
import { cutShared } from './cut-orders.ts';
import { lockBudgetOf, monthlyLimit, type SpendingLimit } from './key-budget.ts';
import type { Round } from './round.ts';

/** What a round could claim. */
export interface Claimed {
  numbers: string[];
  /** Why the budget allows no more numbers, or `null`. */
  budgetReached: string | null;
  /** When refused numbers stop counting against the budget, if only these numbers have used it up. */
  heldUntil: Date | null;
  /** True when offers were left, because the canary of the request has no room for them. */
  behindCanary: boolean;
}

const NOTHING: Claimed = { numbers: [], budgetReached: null, heldUntil: null, behindCanary: false };

/**
 * Claims offers for a buy line within the budget of its request. One transaction locks the request, so that the numbers it holds
 * never cost more than its budget, whatever runs at the same time. Offers of a search also fill slots and are cut into order
 * chunks, together with those of other buy lines of the request.
 */
export async function claimOffers(deps: WorkDeps, line: Line, offers: Offer[], mode: 'search' | 'list'): Promise<Claimed> {
  if (offers.length === 0) return NOTHING;
  const at = deps.clock.now();
  const { claimed, jobs } = await deps.db.sql.begin(async (tx) => {
    const request = await lockRequest(tx, line.requestId);
    // A round may outlive its lease. An ended request has given up its claims and must not get new ones.
    const mayClaim = request !== null && request.cancelRequestedAt === null && request.finishedAt === null;
    if (!mayClaim || !(await lockLeased(tx, line))) return { claimed: NOTHING, jobs: [] };
    await lockBudgetOf(tx, deps, request, at);
    const room = awaitsCanary(request) ? Math.max(0, await canaryRoom(tx, request)) : offers.length;
    const behindCanary = offers.length > room;
    const { fitting, budgetReached, heldUntil } = await withinBudget(tx, deps, request, offers.slice(0, room), at);
    const numbers = mode === 'search' ? await fillSlots(tx, line, fitting, at) : await priceListed(tx, line, fitting, at);
    const criteria = searchOf(line);
    const made = criteria === null ? [] : await cutShared(tx, deps, { request, line, criteria, all: awaitsCanary(request) }, at);
    const woken = (await noteAllClaimed(tx, request, at)) ? jobsOfWoken(await wakeHeld(tx, request.id, at)) : [];
    logBegin(deps, request, await refreshRequest(tx, request.id, at));
    return { claimed: { numbers, budgetReached, heldUntil, behindCanary }, jobs: [...made.map((c) => chunkJob(c)), ...woken] };
  });
  await enqueue(deps, jobs);
  return claimed;
}

/**
 * Lets the whole buy line wait when the account cannot pay for these offers. Nothing fails for lack of funds. `null` when there
 * is enough credit.
 */
export async function waitForFunds(deps: WorkDeps, line: Line, offers: Offer[]): Promise<Round | null> {
  const request = await getRequest(deps.db.sql, line.requestId);
  if (request === null) return null;
  // Offers beyond the budget are not bought, so the account need not pay for them.
  const { fitting } = await withinBudget(deps.db.sql, deps, request, offers, deps.clock.now());
  const costs = fitting.flatMap((o) => [o.upfrontCost, o.monthlyCost]).map(moneyOf);
  const planned = costs.reduce((sum, c) => sum + c, 0n);
  const short = planned === 0n ? null : await balanceShortfall(deps, planned);
  if (short === null) return null;
  await noteTrouble(deps.db.sql, line.requestId, 'insufficient_funds', short);
  deps.log.warn({ requestId: line.requestId, lineId: line.id }, `waits for funds: ${short}`);
  return { kind: 'again', delayMs: deps.timings.fundsProbeMs, reason: 'insufficient_funds' };
}

interface Affordable {
  fitting: Offer[];
  budgetReached: string | null;
  heldUntil: Date | null;
}

/**
 * The offers that the request and the budget of its asker can still pay for, in their order. All money of a request is in one
 * currency, because budgets are plain amounts; an offer in another currency is left out. Numbers that were just refused still count,
 * because a call that the network doubled may deliver them.
 */
async function withinBudget(sql: SqlOrTx, deps: WorkDeps, request: Request, offers: Offer[], at: Date): Promise<Affordable> {
  const spent = await committedCost(sql, request.id);
  const held = await heldCost(sql, request.id, at);
  const ofAsker = await monthlyLimit(sql, deps, request, at);
  const currency = spent.currency ?? offers[0]?.currency;
  const limits: SpendingLimit[] = [
    {
      ...budgetOf('upfront', request.maxUpfrontCost),
      used: moneyOf(spent.upfront) + moneyOf(held.upfront),
      of: (o) => moneyOf(o.upfrontCost),
    },
    {
      ...budgetOf('monthly', request.maxMonthlyCost),
      used: moneyOf(spent.monthly) + moneyOf(held.monthly),
      of: (o) => moneyOf(o.monthlyCost),
    },
    ...(ofAsker === null ? [] : [ofAsker]),
  ];
  const { fitting, over } = withinLimits(
    offers.filter((o) => o.currency === currency),
    limits,
  );
  const heldUntil = over === null ? null : over === ofAsker ? ofAsker.heldUntil : held.until;
  return { fitting, budgetReached: over?.text ?? null, heldUntil };
}

/** The offers that the limits can still pay for, up to the first that one of them (`over`) cannot. Counts them as used. */
export function withinLimits<T extends Offer>(
  offers: T[],
  limits: SpendingLimit[],
): { fitting: T[]; over: SpendingLimit | null } {
  const fitting: T[] = [];
  for (const offer of offers) {
    const over = limits.find((l) => l.max !== null && l.used + l.of(offer) > l.max);
    if (over !== undefined) return { fitting, over };
    for (const l of limits) l.used += l.of(offer);
    fitting.push(offer);
  }
  return { fitting, over: null };
}

/** The words and the amount of a budget of the request. */
export function budgetOf(name: string, budget: string | null): Pick<SpendingLimit, 'text' | 'max'> {
  const max = budget === null ? null : moneyOf(budget);
  return { text: `the ${name} budget of ${formatMoney(max ?? 0n)} is reached`, max };
}

/** Lets a buy line wait until the first refused number stops counting against the budget. */
export function waitForHeld(deps: WorkDeps, heldUntil: Date): Round {
  const delayMs = Math.max(0, heldUntil.getTime() - deps.clock.now().getTime()) + 1;
  return { kind: 'again', delayMs, reason: 'numbers that were just refused still count against the budget' };
}
