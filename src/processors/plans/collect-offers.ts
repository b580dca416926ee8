import type { WorkDeps } from '../../account/deps.ts';
import type { SearchCriteriaLine } from '../../domain/request.ts';
import type { Offer } from '../../telnyx/gateway.ts';
import { afterAnswer, patternAt, rowsFor, rungs, usableOffers } from '../lines/from-search.ts';
import { mayHide } from '../lines/search-listed.ts';
import type { HeldPlan } from './hold-plan.ts';

/** An offer with the search rung on which it was found. */
export interface FoundOffer extends Offer {
  rung: string;
}

/** What the searches of one buy line found. */
export interface Collected {
  offers: FoundOffer[];
  /** How many fitting numbers the search as asked showed. `exact` is false when it may hide others. */
  asAsked: { count: number; exact: boolean };
}

/**
 * Searches for the numbers of a buy line as a buy does, rung by rung, and claims none of them. `taken` holds the numbers that the plan
 * has already; those that are found are added. Errors: those of the gateway.
 */
export async function collectOffers(
  deps: WorkDeps,
  held: HeldPlan,
  criteria: SearchCriteriaLine,
  quantity: number,
  taken: Set<string>,
): Promise<Collected> {
  const ladder = rungs(criteria);
  const offers: FoundOffer[] = [];
  let asAsked: Collected['asAsked'] | null = null;
  let at = { rung: 0, cursor: 0 };
  for (;;) {
    const rung = ladder[at.rung];
    if (rung === undefined || offers.length >= quantity) break;
    await held.keep();
    const result = await deps.telnyx.search({ ...rung, ...patternAt(at.cursor), limit: rowsFor(quantity - offers.length) });
    const owner = { id: held.plan.id, requestId: held.plan.id };
    const usable = (await usableOffers(deps, owner, result.offers, criteria.max_number_cost)).filter(
      (o) => !taken.has(o.phoneNumber),
    );
    asAsked ??= { count: usable.length, exact: !mayHide(result, 0) };
    const got = usable.slice(0, quantity - offers.length);
    for (const offer of got) {
      taken.add(offer.phoneNumber);
      offers.push({ ...offer, rung: rungName(criteria, at.rung) });
    }
    const { rung: nextRung = at.rung, cursor = at.cursor } = afterAnswer(at, result, got.length > 0);
    at = { rung: nextRung, cursor };
  }
  return { offers, asAsked: asAsked ?? { count: 0, exact: false } };
}

/** What a search rung is called for people. */
function rungName(criteria: SearchCriteriaLine, rung: number): string {
  return rung === 0 ? 'as asked' : (criteria.fallback_ndcs[rung - 1] ?? 'best effort');
}
