import type { WorkDeps } from '../../account/deps.ts';
import type { LineCriteria } from '../../domain/request.ts';
import type { CoverageCriteria } from '../../telnyx/gateway.ts';
import type { HeldPlan } from './hold-plan.ts';

/** A plan counts in so many places at most, because each place costs a call. */
const MOST_PLACES = 20;

/** Counts what is on sale for the criteria of a buy line, at any price. `null` where Telnyx does not count by these criteria. */
export type CountOnSale = (criteria: LineCriteria) => Promise<{ count: number; exact: boolean } | null>;

/** Makes a count for the lines of one plan. Lines of the same place share a call. */
export function counter(deps: WorkDeps, held: HeldPlan): CountOnSale {
  const known = new Map<string, number | null>();
  return async (criteria) => {
    const place = placeOf(criteria);
    if (place === null) return null;
    const key = JSON.stringify(place);
    if (!known.has(key)) {
      if (known.size >= MOST_PLACES) return null;
      await held.keep();
      const areas = await deps.telnyx.coverage(place);
      known.set(key, areas === null ? null : areas.reduce((sum, a) => sum + a.count, 0));
    }
    const count = known.get(key) ?? null;
    return count === null ? null : { count, exact: true };
  };
}

/** The place that Telnyx counts in; `null` for criteria by which it does not count, such as a city. */
export function placeOf(c: LineCriteria): CoverageCriteria | null {
  if (c.kind !== 'search' || c.locality !== undefined || c.rate_center !== undefined) return null;
  if (c.quickship === true || c.exclude_held_numbers === true) return null;
  return {
    countryCode: c.country_code,
    phoneNumberType: c.phone_number_type,
    ...(c.national_destination_code !== undefined && { nationalDestinationCode: c.national_destination_code }),
    ...(c.administrative_area !== undefined && { administrativeArea: c.administrative_area }),
    ...(c.features.length > 0 && { features: c.features }),
  };
}
