import type { WorkDeps } from '../../account/deps.ts';
import type { Tx } from '../../db/client.ts';
import { dropGone, goneSince, takenOfPlan } from '../../db/plan-numbers.ts';
import { becomeRequest, type Plan } from '../../db/plans.ts';
import { type ErrorDetail, moreOf, ProvisioningError, refused } from '../../domain/errors.ts';
import { formatMoney, moneyOf } from '../../domain/money.ts';
import { budgetNow, overBudget } from '../../producers/intake/budget-now.ts';
import type { BuyBody, RequestBody } from '../../producers/intake/request-shapes.ts';
import { type PlannedSubmission, submitPlanned } from '../../producers/intake/submit.ts';
import { bodyOfPlan, type PlannedRequestBody } from '../../producers/plans/stored-body.ts';
import { type Changes, MOST_SHOWN } from './changes.ts';
import type { HeldPlan } from './hold-plan.ts';
import { recheckOffers } from './recheck-offers.ts';
import { recheckRelease } from './recheck-release.ts';

/**
 * Files the request of a plan: exactly its numbers, with its prices as the caps. What has changed since the plan was made is refused,
 * unless changes are allowed; then it is left out, or goes at the price of now. Every guard runs again. The request is stored in one
 * transaction with the end of the plan, so there is one request at most. Returns its id.
 */
export async function applyPlan(deps: WorkDeps, held: HeldPlan): Promise<string> {
  const { plan } = held;
  const asked = bodyOfPlan(plan);
  if (asked.kind === 'search') throw refused('plan_not_ready', `${plan.id} is a search, and there is nothing to apply`);
  const [stop] = plan.result !== null && 'stops' in plan.result && plan.kind !== 'buy' ? plan.result.stops : [];
  if (stop !== undefined && (await takenOfPlan(deps.db.sql, plan.id)).count === 0) throw stopped(plan, stop.message);
  const changes = await changesOf(deps, held, asked.body);
  requireUnchanged(plan, changes);
  await held.keep();
  const { request } = await submitPlanned(deps, async (tx) => {
    await changes.follow(tx);
    return submissionOf(deps, tx, plan, asked);
  });
  return request.id;
}

/** The request of a plan, from its rows as they are in this transaction. Errors: `plan_not_ready`, `budget_exceeded`. */
async function submissionOf(deps: WorkDeps, tx: Tx, plan: Plan, asked: PlannedRequestBody): Promise<PlannedSubmission> {
  const taken = await takenOfPlan(tx, plan.id);
  if (taken.count === 0) throw refused('plan_not_ready', `plan ${plan.id} has no number left that it could act on`);
  const body = bodyToFile(deps, asked.body, taken);
  const cost = asked.body.kind === 'buy' ? capOf(asked.body, taken) : null;
  if (cost !== null) await requireBudget(deps, tx, plan, moneyOf(taken.upfront) + moneyOf(taken.monthly));
  return {
    body,
    actor: plan.appliedBy ?? plan.askedBy,
    ...(asked.columns !== undefined && { columns: asked.columns }),
    planned: {
      planId: plan.id,
      plannedBy: plan.askedBy,
      byRow: asked.byRow,
      cost,
      body: { ...plan.body, ...(body.kind === 'delete' && { expected_count: body.expected_count, phone_numbers: taken.count }) },
    },
    together: async (_, requestId) => {
      if (await becomeRequest(tx, plan, requestId, deps.clock.now())) return;
      throw new ProvisioningError('lease_lost', 'retry', 'another worker has this plan by now');
    },
  };
}

const stopped = (plan: Plan, message: string): ProvisioningError =>
  refused('plan_not_ready', `plan ${plan.id} would change nothing: ${message}`);

/** What has changed since the plan was made. */
async function changesOf(deps: WorkDeps, held: HeldPlan, body: RequestBody): Promise<Changes> {
  const { plan } = held;
  if (body.kind === 'buy') return recheckOffers(deps, held, body);
  if (body.kind === 'delete') return recheckRelease(deps, held, body);
  const since = { id: plan.id, plannedAt: plan.plannedAt ?? plan.createdAt };
  const gone = await goneSince(deps.db.sql, since, MOST_SHOWN);
  return {
    first: gone.first.map((phoneNumber) => ({ phoneNumber, what: 'has left the account' })),
    count: gone.count,
    follow: async (tx) => (plan.allowChanges ? dropGone(tx, since) : undefined),
  };
}

/** Refuses what has changed, unless changes are allowed. Errors: `plan_changed`. */
function requireUnchanged(plan: Plan, { first, count }: Changes): void {
  if (count === 0 || plan.allowChanges) return;
  const details = first.map(
    ({ phoneNumber, what }): ErrorDetail => ({ path: 'phone_numbers', message: `${phoneNumber} ${what}` }),
  );
  const numbers = count === 1 ? '1 number has' : `${count.toLocaleString('en-US')} numbers have`;
  throw refused(
    'plan_changed',
    `nothing was filed: ${numbers} changed since the plan was made; allow_changes (--allow-changes) goes ahead with what is left, at the prices of now`,
    [...details, ...moreOf(count - details.length)],
  );
}

/** The body of the request. A release expects exactly the numbers that its guards let through. */
function bodyToFile(deps: WorkDeps, body: RequestBody, taken: { count: number; reservedUntil: Date | null }): RequestBody {
  if (body.kind === 'delete') return { ...body, expected_count: taken.count };
  if (body.kind === 'update') return body;
  // Numbers that are held already cannot be reserved again.
  const isHeld = taken.reservedUntil !== null && taken.reservedUntil.getTime() > deps.clock.now().getTime();
  return { ...body, reserve: body.reserve && !isHeld };
}

/** The figure of the plan is the cap of the request; a lower budget of the body stays. */
function capOf(body: BuyBody, taken: { upfront: string; monthly: string }): { upfront: string; monthly: string } {
  const least = (sum: string, budget: string | undefined): string =>
    formatMoney(budget !== undefined && moneyOf(budget) < moneyOf(sum) ? moneyOf(budget) : moneyOf(sum));
  return { upfront: least(taken.upfront, body.max_upfront_cost), monthly: least(taken.monthly, body.max_monthly_cost) };
}

/** Refuses a buy that the budget of the applier does not pay for. Errors: `budget_exceeded`. */
async function requireBudget(deps: WorkDeps, tx: Tx, plan: Plan, own: bigint): Promise<void> {
  const asker = plan.appliedBy ?? plan.askedBy;
  const over = overBudget(await budgetNow(tx, deps.limits.budgets, asker, deps.clock.now()), own);
  if (over !== null) throw over;
}
