import type { WorkDeps } from '../../account/deps.ts';
import type { Tx } from '../../db/client.ts';
import { unusableNumbers } from '../../db/lines.ts';
import {
  type FoundNumber,
  judgePlanNumbers,
  type PlanNumber,
  streamPlanNumbers,
  takePlanNumbers,
} from '../../db/plan-numbers.ts';
import { formatMoney, moneyOf } from '../../domain/money.ts';
import { inSlices } from '../../domain/phone-number.ts';
import type { BuyBody } from '../../producers/intake/request-shapes.ts';
import type { Offer } from '../../telnyx/gateway.ts';
import { ANY_PRICE, isNoDearer } from '../guards/refresh-search.ts';
import { searchListed } from '../lines/search-listed.ts';
import { type Changes, MOST_SHOWN } from './changes.ts';
import type { HeldPlan } from './hold-plan.ts';

/** How many numbers are searched together, and how many rows one statement writes. */
const SLICE = 500;

/**
 * Searches the numbers of a planned buy again, at any price, so that a number that became dearer is told apart from one that is gone.
 * When changes are followed, gone numbers leave the plan, and dearer ones stay at the price of now when their price cap allows it.
 * Errors: those of the gateway.
 */
export async function recheckOffers(deps: WorkDeps, held: HeldPlan, body: BuyBody): Promise<Changes> {
  const { plan } = held;
  const numbers: PlanNumber[] = [];
  for await (const n of streamPlanNumbers(deps.db.sql, plan.id, 'taken')) numbers.push(n);
  const changes: Changes['first'] = [];
  const dearer: FoundNumber[] = [];
  const gone: { phoneNumber: string; verdict: string }[] = [];
  for (const slice of inSlices(numbers, SLICE)) {
    const names = slice.map((n) => n.phoneNumber);
    const unusable = await unusableNumbers(deps.db.sql, plan.id, plan.id, names);
    const usable = names.filter((n) => !unusable.has(n));
    const offers = await searchListed(deps, usable, ANY_PRICE, held.keep);
    const changed = slice.filter((n) => !isAsPlanned(n, offers.get(n.phoneNumber)));
    changes.push(...changed.map((n) => ({ phoneNumber: n.phoneNumber, what: whatOf(n, offers.get(n.phoneNumber), unusable) })));
    for (const number of changed) {
      const priced = pricedNow(deps, body, number, offers.get(number.phoneNumber));
      if (priced === null) gone.push({ phoneNumber: number.phoneNumber, verdict: 'number_unavailable' });
      else dearer.push(priced);
    }
  }
  const follow = async (tx: Tx): Promise<void> => {
    for (const slice of inSlices(gone, SLICE)) await judgePlanNumbers(tx, plan.id, slice);
    for (const [i, slice] of inSlices(dearer, SLICE).entries()) await takePlanNumbers(tx, plan.id, slice, plan.asked + i * SLICE);
  };
  return { first: changes.slice(0, MOST_SHOWN), count: changes.length, follow };
}

const isAsPlanned = (n: PlanNumber, offer: Offer | undefined): boolean => offer !== undefined && isNoDearer(n, offer);

function whatOf(n: PlanNumber, offer: Offer | undefined, unusable: ReadonlyMap<string, string>): string {
  const why = unusable.get(n.phoneNumber);
  if (why === 'ours') return 'is in the account by now';
  if (why === 'claimed') return 'is held by another open buy';
  if (offer === undefined) return 'is not on sale any more';
  const price = (upfront: string | null, monthly: string | null, currency: string | null): string =>
    `${formatMoney(moneyOf(upfront ?? '0'))} upfront and ${formatMoney(moneyOf(monthly ?? '0'))} a month (${currency})`;
  return `costs ${price(offer.upfrontCost, offer.monthlyCost, offer.currency)} now, and ${price(n.upfrontCost, n.monthlyCost, n.currency)} in the plan`;
}

/** A number at its price of now; `null` when it is gone, or costs more than its price cap. */
function pricedNow(deps: WorkDeps, body: BuyBody, n: PlanNumber, offer: Offer | undefined): FoundNumber | null {
  const cap =
    (n.line === null ? undefined : body.lines[n.line]?.max_number_cost) ?? body.max_number_cost ?? deps.limits.maxNumberCost;
  const fits =
    offer !== undefined &&
    offer.currency === n.currency &&
    [offer.upfrontCost, offer.monthlyCost].every((c) => moneyOf(c) <= moneyOf(cap));
  return fits ? { ...offer, line: n.line } : null;
}
