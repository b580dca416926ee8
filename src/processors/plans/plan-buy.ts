import type { WorkDeps } from '../../account/deps.ts';
import { balanceShortfall, whySpendingStopped } from '../../account/gate.ts';
import { unusableNumbers } from '../../db/lines.ts';
import { resetPlanNumbers, streamPlanNumbers, takenOfPlan, takePlanNumbers } from '../../db/plan-numbers.ts';
import { chargesOf } from '../../domain/budget.ts';
import { formatMoney, type Micros, moneyOf } from '../../domain/money.ts';
import { inSlices } from '../../domain/phone-number.ts';
import type { BuyPlan, PlanCost, PlannedLine, PlanStop } from '../../domain/plan.ts';
import { needsApproval } from '../../producers/intake/needs-approval.ts';
import { lineCriteria } from '../../producers/intake/plan.ts';
import type { BuyBody } from '../../producers/intake/request-shapes.ts';
import { budgetOf, withinLimits } from '../lines/claim-offers.ts';
import { monthlyLimit, type SpendingLimit } from '../lines/key-budget.ts';
import { searchListed } from '../lines/search-listed.ts';
import { type Collected, collectOffers, type FoundOffer } from './collect-offers.ts';
import { counter } from './count-on-sale.ts';
import { estimate } from './estimate.ts';
import type { HeldPlan } from './hold-plan.ts';
import { reservePlan } from './reserve-plan.ts';

/** How many listed numbers are searched together, and how many rows one statement writes. */
const SLICE = 500;
const SAMPLE = 5;

/** What one buy line, or the list, found. */
interface FoundLine {
  line: number | null;
  asked: number;
  found: Collected;
}

/** An offer that knows its buy line. */
interface LineOffer extends FoundOffer {
  line: number | null;
}

/**
 * Searches what a buy asks for and prices it, claiming nothing. What the budgets cannot pay is not part of the plan. The numbers and
 * prices are stored, so that the request buys exactly these. Errors: those of the gateway.
 */
export async function planBuy(deps: WorkDeps, held: HeldPlan, body: BuyBody): Promise<BuyPlan> {
  const { plan } = held;
  const { sql } = deps.db;
  await resetPlanNumbers(sql, plan.id);
  const searched = await searchLines(deps, held, body);
  const listed = await searchList(deps, held, body);
  const found = listed === null ? searched : [...searched, listed];
  const { taken, stops, budgets } = await affordable(deps, held, body, found);
  const first = plan.asked - found.reduce((sum, f) => sum + (f.line === null ? 0 : f.asked), 0);
  for (const [i, slice] of inSlices(taken, SLICE).entries()) await takePlanNumbers(sql, plan.id, slice, first + i * SLICE);
  const reservation = plan.reserve ? await reservePlan(deps, held) : null;
  const cost = await costOf(deps, plan.id);
  const count = counter(deps, held);
  const lines: PlannedLine[] = [];
  for (const f of found) lines.push(await lineOf(body, deps, f, taken, count));
  const { limits } = deps;
  const searches = { family: 'search', call: 'search', count: new Set(taken.map((o) => o.phoneNumber.slice(0, 5))).size };
  return {
    kind: 'buy',
    lines,
    numbers: taken.length,
    short: lines.reduce((sum, l) => sum + l.short, 0),
    cost,
    approval: {
      needed: needsApproval(deps, body, taken.length, cost),
      above: limits.approvalAbove,
    },
    budgets,
    reservation,
    stops,
    notes: await notesOf(deps, cost),
    ...(await estimate(deps, plan.steps, taken.length, [searches])),
  };
}

async function searchLines(deps: WorkDeps, held: HeldPlan, body: BuyBody): Promise<FoundLine[]> {
  const seen = new Set<string>();
  const found: FoundLine[] = [];
  for (const [line, asked] of body.lines.entries()) {
    const criteria = lineCriteria(asked, body, deps.limits.maxNumberCost);
    if (criteria.kind !== 'search') continue;
    found.push({ line, asked: asked.quantity, found: await collectOffers(deps, held, criteria, asked.quantity, seen) });
  }
  return found;
}

/** Searches the numbers that the body lists. `null` when it lists none. */
async function searchList(deps: WorkDeps, held: HeldPlan, body: BuyBody): Promise<FoundLine | null> {
  const numbers: string[] = [];
  for await (const n of streamPlanNumbers(deps.db.sql, held.plan.id, 'all')) if (n.line === null) numbers.push(n.phoneNumber);
  if (numbers.length === 0) return null;
  const cap = body.max_number_cost ?? deps.limits.maxNumberCost;
  const offers: FoundOffer[] = [];
  for (const slice of inSlices(numbers, SLICE)) {
    const unusable = await unusableNumbers(deps.db.sql, held.plan.id, held.plan.id, slice);
    const usable = slice.filter((n) => !unusable.has(n));
    for (const offer of (await searchListed(deps, usable, cap, held.keep)).values()) offers.push({ ...offer, rung: 'as asked' });
  }
  return { line: null, asked: numbers.length, found: { offers, asAsked: { count: offers.length, exact: true } } };
}

/** The offers that the budgets of the body and of the asker pay for, and what the others meet. */
async function affordable(deps: WorkDeps, { plan }: HeldPlan, body: BuyBody, found: readonly FoundLine[]) {
  const at = deps.clock.now();
  const charges = chargesOf(plan.steps, deps.limits.prices);
  const asker = { submittedBy: plan.askedBy, updateCharge: charges.update, emergencyCharge: charges.emergency };
  const ofAsker = await monthlyLimit(deps.db.sql, deps, asker, at);
  const limits: (SpendingLimit & { name: string })[] = [
    {
      name: 'upfront cost',
      ...budgetOf('upfront', body.max_upfront_cost ?? null),
      used: 0n,
      of: (o) => moneyOf(o.upfrontCost),
    },
    {
      name: 'monthly cost',
      ...budgetOf('monthly', body.max_monthly_cost ?? null),
      used: 0n,
      of: (o) => moneyOf(o.monthlyCost),
    },
    ...(ofAsker === null ? [] : [{ name: `"${plan.askedBy}", this month`, ...ofAsker }]),
  ];
  const before = new Map(limits.map((l) => [l.name, l.used]));
  const offers: LineOffer[] = found.flatMap(({ line, found: { offers: of } }) => of.map((o) => ({ ...o, line })));
  const [one] = offers;
  const { fitting: taken, over } = withinLimits(
    offers.filter((o) => o.currency === one?.currency),
    limits,
  );
  const stops: PlanStop[] =
    over === null ? [] : [{ code: 'budget_reached', message: over.text, numbers: offers.length - taken.length }];
  const budgets = limits.flatMap(({ name, max, used }) =>
    max === null ? [] : [{ name, limit: formatMoney(max), used: formatMoney(before.get(name) ?? 0n), after: formatMoney(used) }],
  );
  return { taken, stops, budgets };
}

async function lineOf(
  body: BuyBody,
  deps: WorkDeps,
  { line, asked, found }: FoundLine,
  taken: readonly LineOffer[],
  count: ReturnType<typeof counter>,
): Promise<PlannedLine> {
  const of = taken.filter((o) => o.line === line);
  const names = [...new Set(of.map((o) => o.rung))];
  const criteria = line === null ? undefined : body.lines[line];
  const counted = criteria === undefined ? null : await count(lineCriteria(criteria, body, deps.limits.maxNumberCost));
  const isShort = found.offers.length < asked;
  return {
    line,
    asked,
    found: of.length,
    short: asked - found.offers.length,
    on_sale: counted ?? (line === null ? null : { ...found.asAsked, exact: found.asAsked.exact || isShort }),
    rungs: names.map((rung) => ({ rung, found: of.filter((o) => o.rung === rung).length })),
    prices: pricesOf(of),
    sample: of.slice(0, SAMPLE).map((o) => o.phoneNumber),
  };
}

/** How many offers there are at each price, the cheapest first. */
function pricesOf(offers: readonly LineOffer[]): PlannedLine['prices'] {
  const prices = new Map<string, PlannedLine['prices'][number] & { sum: Micros }>();
  for (const { upfrontCost, monthlyCost, currency } of offers) {
    const [upfront, monthly] = [moneyOf(upfrontCost), moneyOf(monthlyCost)];
    const key = `${upfront}/${monthly}/${currency}`;
    const known = prices.get(key);
    if (known === undefined)
      prices.set(key, {
        upfront: formatMoney(upfront),
        monthly: formatMoney(monthly),
        currency,
        count: 1,
        sum: upfront + monthly,
      });
    else known.count += 1;
  }
  const sorted = [...prices.values()].sort((a, b) => (a.sum < b.sum ? -1 : a.sum > b.sum ? 1 : 0));
  return sorted.map(({ sum: _sum, ...price }) => price);
}

async function costOf(deps: WorkDeps, planId: string): Promise<PlanCost> {
  const { upfront, monthly, currency } = await takenOfPlan(deps.db.sql, planId);
  return { upfront: formatMoney(moneyOf(upfront)), monthly: formatMoney(moneyOf(monthly)), currency: currency ?? 'USD' };
}

async function notesOf(deps: WorkDeps, cost: PlanCost): Promise<string[]> {
  const planned = moneyOf(cost.upfront) + moneyOf(cost.monthly);
  const stopped = await whySpendingStopped(deps);
  const short = planned === 0n ? null : await balanceShortfall(deps, planned);
  return [stopped, short].filter((n) => n !== null);
}
