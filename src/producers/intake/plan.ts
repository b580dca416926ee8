import { defined } from '../../domain/defined.ts';
import { formatMoney, moneyOf } from '../../domain/money.ts';
import type { LineCriteria } from '../../domain/request.ts';
import type { NumberSettings, OrderSettings, Step, StepOf } from '../../domain/step.ts';
import type { BuyBody, BuyLine, DeleteBody, UpdateSet } from './request-shapes.ts';

/** The steps of a buy: the order, then an update for what an order cannot carry. */
export function buySteps(body: BuyBody, requirementGroupId: string | undefined): Step[] {
  const { tags, ...attached } = body.assign;
  const settings: OrderSettings = defined({
    ...attached,
    requirement_group_id: requirementGroupId,
    // All or nothing claims for a while before it orders.
    reserve: body.reserve || body.all_or_nothing === true ? true : undefined,
  });
  const steps: Step[] = [{ kind: 'order', settings }];
  if (tags !== undefined && tags.length > 0) steps.push({ kind: 'update', settings: { tags } });
  return steps;
}

/** The steps of an update: one batch job, then the bulk endpoints of messaging and emergency. */
export function updateSteps(set: UpdateSet): Step[] {
  const { add_tags, remove_tags, messaging_profile_id, emergency_address_id, ...rest } = set;
  const settings: NumberSettings = defined(rest);
  const changesTags = (add_tags?.length ?? 0) + (remove_tags?.length ?? 0) > 0;
  const steps: Step[] = [];
  if (Object.keys(settings).length > 0 || changesTags) {
    steps.push({
      kind: 'update',
      settings,
      ...(changesTags && { tags: { add: add_tags ?? [], remove: remove_tags ?? [] } }),
    });
  }
  if (messaging_profile_id !== undefined) steps.push({ kind: 'messaging', messaging_profile_id });
  if (emergency_address_id !== undefined) {
    steps.push({ kind: 'emergency', emergency_enabled: emergency_address_id !== null, emergency_address_id });
  }
  return steps;
}

/** The steps of a delete: one release. */
export function deleteSteps(body: DeleteBody): Step[] {
  return [releaseStep(body)];
}

/** The release that a delete asks for. */
export const releaseStep = (body: DeleteBody): StepOf<'delete'> => ({
  kind: 'delete',
  include_locked: body.include_locked,
  include_emergency: body.include_emergency,
});

/** What one buy line searches for. The price cap is that of the line, else of the body, else of the configuration. */
export function lineCriteria(line: BuyLine, body: BuyBody, maxNumberCost: string): LineCriteria {
  return {
    kind: 'search',
    country_code: line.country_code,
    phone_number_type: line.phone_number_type,
    ...defined({
      national_destination_code: line.national_destination_code,
      administrative_area: line.administrative_area,
      locality: line.locality,
      rate_center: line.rate_center,
      quickship: line.quickship ?? worksLate(line),
      exclude_held_numbers: line.exclude_held_numbers,
      requirement_group_id: line.requirement_group_id ?? body.requirement_group_id,
    }),
    // Repeated values are removed, because each fallback code costs a search.
    features: [...new Set(line.features)],
    max_number_cost: line.max_number_cost ?? body.max_number_cost ?? maxNumberCost,
    fallback_ndcs: [...new Set(line.fallback?.national_destination_codes ?? [])].filter(
      (code) => code !== line.national_destination_code,
    ),
    best_effort: line.fallback?.best_effort ?? false,
  };
}

/**
 * True where `quickship` is on by default: without it, a toll-free number of the US may take two business days until it works.
 */
function worksLate(line: BuyLine): true | undefined {
  return line.country_code === 'US' && line.phone_number_type === 'toll_free' ? true : undefined;
}

/** The highest possible cost of one column of a price, as decimal text. */
export interface WorstColumn {
  amount: string;
  /** True when the budget of the request is what limits it, and not the price caps of the numbers. */
  byBudget: boolean;
}

/**
 * The highest possible cost of a buy before any search, upfront and for the first month: every number at its price cap, limited by
 * the budgets of the request.
 */
export function worstCase(body: BuyBody, listed: number, maxNumberCost: string): { upfront: WorstColumn; monthly: WorstColumn } {
  const cap = (own: string | undefined) => moneyOf(own ?? body.max_number_cost ?? maxNumberCost);
  const perColumn =
    body.lines.reduce((sum, l) => sum + BigInt(l.quantity) * cap(l.max_number_cost), 0n) + BigInt(listed) * cap(undefined);
  const least = (budget: string | undefined): WorstColumn => {
    const limit = budget === undefined ? null : moneyOf(budget);
    const byBudget = limit !== null && limit < perColumn;
    return { amount: formatMoney(byBudget ? limit : perColumn), byBudget };
  };
  return { upfront: least(body.max_upfront_cost), monthly: least(body.max_monthly_cost) };
}

/** The sum of both columns of `worstCase`. */
export function worstCaseCost(body: BuyBody, listed: number, maxNumberCost: string): string {
  const { upfront, monthly } = worstCase(body, listed, maxNumberCost);
  return formatMoney(moneyOf(upfront.amount) + moneyOf(monthly.amount));
}
