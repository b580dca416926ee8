import type { WorkDeps } from '../../account/deps.ts';
import { unusableNumbers } from '../../db/lines.ts';
import { formatMoney, moneyOf } from '../../domain/money.ts';
import { nanpAreaCode } from '../../domain/phone-number.ts';
import type { AreaOnSale, PlanCost, SearchPlan } from '../../domain/plan.ts';
import type { SearchCriteriaLine } from '../../domain/request.ts';
import type { SearchBody } from '../../producers/plans/search-shape.ts';
import type { Offer } from '../../telnyx/gateway.ts';
import { rungs } from '../lines/from-search.ts';
import { MOST_OFFERS } from '../lines/search-listed.ts';
import { placeOf } from './count-on-sale.ts';
import type { HeldPlan } from './hold-plan.ts';

/** A search asks for at least so many rows, because a call costs the same for fewer, and prices differ inside one area. */
const FEWEST_ROWS = 100;

/**
 * Tells what is on sale: for each place one call that counts, where Telnyx counts, and one search for prices and examples. A place
 * with a count of zero is not searched. Errors: those of the gateway.
 */
export async function planSearch(deps: WorkDeps, held: HeldPlan, body: SearchBody): Promise<SearchPlan> {
  const areas = new Map<string, AreaOnSale>();
  for (const criteria of body.lines) for (const area of await lookIn(deps, held, criteria, body)) areas.set(area.area, area);
  const anyOpen = [...areas.values()].some((a) => !a.exact);
  return {
    kind: 'search',
    areas: [...areas.values()].sort((a, b) => b.count - a.count || (a.area < b.area ? -1 : 1)),
    notes: anyOpen ? ['where a count ends with +, Telnyx showed so many numbers and may have more'] : [],
  };
}

async function lookIn(deps: WorkDeps, held: HeldPlan, criteria: SearchCriteriaLine, body: SearchBody): Promise<AreaOnSale[]> {
  const place = body.starts_with === undefined ? placeOf(criteria) : null;
  await held.keep();
  const counted = place === null ? null : await deps.telnyx.coverage(place);
  const known = new Map((counted ?? []).map((a) => [a.areaCode, a.count]));
  if (counted !== null && [...known.values()].every((n) => n === 0)) return emptyArea(criteria);
  const [asAsked] = rungs(criteria);
  if (asAsked === undefined) return [];
  await held.keep();
  const limit = Math.min(MOST_OFFERS, Math.max(FEWEST_ROWS, body.limit));
  const pattern = body.starts_with === undefined ? {} : { startsWith: body.starts_with };
  const { offers } = await deps.telnyx.search({ ...asAsked, ...pattern, limit });
  const usable = await buyable(deps, held, offers);
  const byArea = new Map<string, Offer[]>();
  for (const offer of usable) {
    const area = nanpAreaCode(offer.phoneNumber) ?? nameOf(criteria);
    byArea.set(area, [...(byArea.get(area) ?? []), offer]);
  }
  const names = new Set([...byArea.keys(), ...known.keys()]);
  const shown = [...names].map((area) => areaOf(area, byArea.get(area) ?? [], known.get(area) ?? null, body.limit));
  return shown.length === 0 ? emptyArea(criteria) : shown;
}

/** The offers that the account does not own and no open buy holds. */
async function buyable(deps: WorkDeps, { plan }: HeldPlan, offers: readonly Offer[]): Promise<Offer[]> {
  const numbers = offers.map((o) => o.phoneNumber);
  const unusable = await unusableNumbers(deps.db.sql, plan.id, plan.id, numbers);
  return offers.filter((o) => !unusable.has(o.phoneNumber));
}

function areaOf(area: string, offers: readonly Offer[], counted: number | null, sample: number): AreaOnSale {
  const sorted = [...offers].sort((a, b) => compare(total(a), total(b)));
  return {
    area,
    count: counted ?? offers.length,
    exact: counted !== null,
    cheapest: costOf(sorted[0]),
    dearest: costOf(sorted.at(-1)),
    sample: offers.slice(0, sample).map((o) => ({ phone_number: o.phoneNumber, ...shownCost(o) })),
  };
}

const emptyArea = (criteria: SearchCriteriaLine): AreaOnSale[] => [
  { area: nameOf(criteria), count: 0, exact: true, cheapest: null, dearest: null, sample: [] },
];

const nameOf = (c: SearchCriteriaLine): string =>
  c.national_destination_code ?? c.rate_center ?? c.locality ?? c.administrative_area ?? c.country_code;

const total = (o: Offer): bigint => moneyOf(o.upfrontCost) + moneyOf(o.monthlyCost);
const compare = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);

const shownCost = (o: Offer): PlanCost => ({
  upfront: formatMoney(moneyOf(o.upfrontCost)),
  monthly: formatMoney(moneyOf(o.monthlyCost)),
  currency: o.currency,
});
const costOf = (o: Offer | undefined): PlanCost | null => (o === undefined ? null : shownCost(o));
