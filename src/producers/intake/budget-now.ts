import { usedInMonth } from '../../db/budgets.ts';
import type { SqlOrTx } from '../../db/client.ts';
import { type Budgets, budgetOf, monthOf } from '../../domain/budget.ts';
import { type ProvisioningError, refused } from '../../domain/errors.ts';
import { formatMoney, type Micros, moneyOf } from '../../domain/money.ts';

/** The budget of an asker for the month of a moment, and what is used of it. */
export interface BudgetNow {
  asker: string;
  /** The budget as it was configured, as decimal text. */
  limit: string;
  /** In millionths. */
  used: Micros;
  /** The name of the month, such as `2026-11`. */
  month: string;
  /** When the first refused number stops counting; `null` when none counts. */
  heldUntil: Date | null;
}

/** Reads what an asker has used of its budget for the month of `at`. `null` for an asker without a budget. */
export async function budgetNow(sql: SqlOrTx, budgets: Budgets, asker: string | null, at: Date): Promise<BudgetNow | null> {
  const limit = budgetOf(budgets, asker);
  if (asker === null || limit === null) return null;
  const month = monthOf(at);
  const { total, heldUntil } = await usedInMonth(sql, asker, month, at);
  return { asker, limit, used: moneyOf(total), month: month.name, heldUntil };
}

/** The refusal of what costs more than is left of a budget, or `null` when the budget pays for it, or when there is no budget. */
export function overBudget(budget: BudgetNow | null, own: Micros): ProvisioningError | null {
  if (budget === null || budget.used + own <= moneyOf(budget.limit)) return null;
  const { asker, limit, used, month } = budget;
  return refused(
    'budget_exceeded',
    `this costs ${formatMoney(own)}, and "${asker}" has used ${formatMoney(used)} of its budget of ${limit} for ${month}; nothing was stored`,
  );
}
