import type { WorkDeps } from '../../account/deps.ts';
import { lockBudget } from '../../db/budgets.ts';
import type { SqlOrTx, Tx } from '../../db/client.ts';
import type { Request } from '../../db/requests.ts';
import { budgetOf, monthOf } from '../../domain/budget.ts';
import { formatMoney, type Micros, moneyOf } from '../../domain/money.ts';
import { budgetNow } from '../../producers/intake/budget-now.ts';
import type { Offer } from '../../telnyx/gateway.ts';

/** A limit on what a buy line may claim. */
export interface SpendingLimit {
  /** Why nothing more is claimed once it is reached. */
  text: string;
  max: Micros | null;
  used: Micros;
  of: (offer: Offer) => Micros;
}

/** Locks the budget of the asker of a request, if it has one, until the transaction ends. The request is locked already. */
export async function lockBudgetOf(tx: Tx, deps: WorkDeps, request: Request, at: Date): Promise<void> {
  const { submittedBy: asker } = request;
  if (asker !== null && budgetOf(deps.limits.budgets, asker) !== null) await lockBudget(tx, asker, monthOf(at));
}

/**
 * The limit that the asker's budget for this month sets: upfront, first month, and the paid settings that follow the purchase.
 * `null` when the asker has no budget. `heldUntil`: when the first refused number stops counting.
 */
export async function monthlyLimit(
  sql: SqlOrTx,
  deps: WorkDeps,
  request: Pick<Request, 'submittedBy' | 'updateCharge' | 'emergencyCharge'>,
  at: Date,
): Promise<(SpendingLimit & { heldUntil: Date | null }) | null> {
  const { submittedBy, updateCharge, emergencyCharge } = request;
  const budget = await budgetNow(sql, deps.limits.budgets, submittedBy, at);
  if (budget === null) return null;
  const { asker, used, month, heldUntil } = budget;
  const max = moneyOf(budget.limit);
  const paid = moneyOf(updateCharge ?? '0') + moneyOf(emergencyCharge ?? '0');
  return {
    text: `the budget of ${formatMoney(max)} that "${asker}" has for ${month} is reached`,
    max,
    used,
    of: (offer) => moneyOf(offer.upfrontCost) + moneyOf(offer.monthlyCost) + paid,
    heldUntil,
  };
}
