import type { ErrorCode, ReasonCode } from './codes.ts';
import type { Disposition, ErrorDetail } from './errors.ts';
import type { RequestKind } from './request.ts';

/** What a stored plan is about: a request that is not filed yet, or a search that buys nothing. */
export type PlanKind = RequestKind | 'search';

/**
 * `pending`: a worker computes it. `planned`: it can be applied. `failed`: it could not be computed. `applied`: it became a request.
 * `expired`: it was not applied in time.
 */
export const PLAN_STATUSES = ['pending', 'planned', 'failed', 'applied', 'expired'] as const;
export type PlanStatus = (typeof PLAN_STATUSES)[number];

/** How long a plan can be applied, in milliseconds. */
export const PLAN_VALID_MS = 24 * 3_600_000;

/** A failure as a row keeps it, so that whoever waits for the row can throw it again. */
export interface StoredFailure {
  code: ErrorCode;
  disposition: Disposition;
  message: string;
  details: ErrorDetail[];
}

/** Amounts of money as decimal text. */
export interface PlanCost {
  upfront: string;
  monthly: string;
  currency: string;
}

/** A guard or budget that stops numbers. `numbers`: how many it stops. */
export interface PlanStop {
  code: ReasonCode;
  message: string;
  numbers: number;
}

interface Common {
  /** Calls to Telnyx that applying the plan needs, estimated, by what they are. */
  calls: { call: string; count: number }[];
  /** Estimated time from the start to the end, in seconds. */
  seconds: number;
  /** What a guard or a budget would refuse. */
  stops: PlanStop[];
  /** What people should know. */
  notes: string[];
}

/** Some offers at the same price. */
export interface PricedCount extends PlanCost {
  count: number;
}

/** What was found for one buy line, or for the list of numbers of a buy. */
export interface PlannedLine {
  /** The position in the body; null for the list of numbers. */
  line: number | null;
  asked: number;
  found: number;
  /** How many could not be found within the criteria and the price cap. */
  short: number;
  /** Numbers that fit and are on sale; null where nobody counted. `exact` is false when there may be more. */
  on_sale: { count: number; exact: boolean } | null;
  /** Where they were found: `as asked`, an area code of the fallback, or `best effort`. */
  rungs: { rung: string; found: number }[];
  prices: PricedCount[];
  sample: string[];
}

export interface PlannedBudget {
  name: string;
  limit: string;
  used: string;
  /** What is used when the plan is applied. */
  after: string;
}

export interface BuyPlan extends Common {
  kind: 'buy';
  lines: PlannedLine[];
  numbers: number;
  short: number;
  cost: PlanCost;
  /** Whether the request waits for approval; `above` is the limit of the configuration. */
  approval: { needed: boolean; above: string | null };
  budgets: PlannedBudget[];
  /** Only of a plan that reserves. */
  reservation: { held: number; refused: number; until: string | null } | null;
}

/** One change of a field. `before` is null for no value, and where it is not known (`unknown`). */
export interface ValueChange {
  sign: 'add' | 'change' | 'remove' | 'unknown';
  before: string | null;
  after: string | null;
  count: number;
  sample: string[];
}

/** How one field changes: on how many numbers it is added (`+`), changed (`~`), removed (`-`) or stays as it is. */
export interface FieldChange {
  field: string;
  add: number;
  change: number;
  remove: number;
  same: number;
  /** Numbers whose present value the inventory does not hold. */
  unknown: number;
  /** The most frequent changes. */
  values: ValueChange[];
}

export interface UpdatePlan extends Common {
  kind: 'update';
  numbers: number;
  /** Numbers of which a field changes, or may change because its value is not known. */
  changed: number;
  unchanged: number;
  /** Numbers that the inventory does not call ours. */
  not_in_inventory: number;
  fields: FieldChange[];
  /** What paid settings cost, once; null when nothing that is paid is set. */
  charge: string | null;
}

export interface DeletePlan extends Common {
  kind: 'delete';
  numbers: number;
  release: number;
  /** Numbers whose deletion lock, or emergency services, are removed first. */
  unlock: number;
  disable_emergency: number;
  /** Numbers that have left the account and are skipped. */
  gone: number;
  kept: (PlanStop & { sample: string[] })[];
  /** The monthly cost that ends, by currency. `unpriced`: numbers whose price is not known. */
  monthly_ends: { monthly: string; currency: string }[];
  unpriced: number;
  sample: string[];
}

/** What is on sale in one area code, or in a place where area codes are not told apart. */
export interface AreaOnSale {
  area: string;
  count: number;
  exact: boolean;
  /** The lowest and highest price seen; null when no search showed one. */
  cheapest: PlanCost | null;
  dearest: PlanCost | null;
  sample: { phone_number: string; upfront: string; monthly: string; currency: string }[];
}

export interface SearchPlan {
  kind: 'search';
  areas: AreaOnSale[];
  notes: string[];
}

export type PlanResult = BuyPlan | UpdatePlan | DeletePlan | SearchPlan;

/** True when applying the plan would change something at Telnyx. */
export function changesSomething(result: PlanResult): boolean {
  switch (result.kind) {
    case 'buy':
      return result.numbers > 0;
    case 'update':
      return result.changed > 0;
    case 'delete':
      return result.release > 0;
    case 'search':
      return false;
  }
}

/** Calls of one endpoint family, for an estimate. */
export interface FamilyCalls {
  family: string;
  call: string;
  count: number;
}

/** A part of the work that takes its time at Telnyx, whatever the pace of calls: `rounds` one after the other, each of `seconds`. */
export interface WorkTime {
  rounds: number;
  seconds: number;
}

/**
 * Estimates how long the calls of a plan take: the slowest family at its pace (calls a second), or the work at Telnyx when that
 * takes longer. Whole seconds, at least one.
 */
export function estimatedSeconds(
  calls: readonly FamilyCalls[],
  pace: ReadonlyMap<string, number>,
  work: readonly WorkTime[],
): number {
  const families = [...new Set(calls.map((c) => c.family))].map((family) => {
    const count = calls.filter((c) => c.family === family).reduce((sum, c) => sum + c.count, 0);
    return count / (pace.get(family) ?? 1);
  });
  const atTelnyx = work.reduce((sum, w) => sum + w.rounds * w.seconds, 0);
  return Math.max(1, Math.ceil(Math.max(...families, atTelnyx, 0)));
}

/** The calls as a plan shows them; kinds of call without any are left out. */
export function shownCalls(calls: readonly FamilyCalls[]): { call: string; count: number }[] {
  return calls.filter((c) => c.count > 0).map(({ call, count }) => ({ call, count }));
}
