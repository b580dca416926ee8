import { lockBudget } from '../../db/budgets.ts';
import type { Tx } from '../../db/client.ts';
import type { Request } from '../../db/requests.ts';
import { budgetOf, type Charges, monthOf, type PaidSetting } from '../../domain/budget.ts';
import { refused } from '../../domain/errors.ts';
import { moneyOf } from '../../domain/money.ts';
import type { ProducerDeps } from '../deps.ts';
import { budgetNow, overBudget } from './budget-now.ts';

/** What a paid setting is called for people. */
const WORDS: Readonly<Record<PaidSetting, string>> = {
  e911: 'an emergency address',
  caller_id_name: 'the name of inbound callers',
};

/** Refuses paid settings without a price to whoever has a budget. Errors: `price_unknown`. */
export function requirePrices(deps: ProducerDeps, asker: string, { unknown }: Charges): void {
  const [setting] = unknown;
  if (setting === undefined || budgetOf(deps.limits.budgets, asker) === null) return;
  throw refused(
    'price_unknown',
    `"${asker}" has a budget, and the price of ${WORDS[setting]} is not known: set PROVISIONER_PRICES, such as ${setting}=1.50; nothing was stored`,
  );
}

/**
 * Reserves what the paid settings of an update cost, in the transaction that stores it, under the lock of the asker's budget for
 * this month. A buy reserves its money when it claims offers. Errors: `budget_exceeded`; nothing is stored then.
 */
export async function reserveCharges(deps: ProducerDeps, tx: Tx, request: Request, at: Date): Promise<void> {
  const { submittedBy: asker, kind, updateCharge, emergencyCharge } = request;
  const { budgets } = deps.limits;
  if (kind === 'buy' || asker === null || (updateCharge === null && emergencyCharge === null)) return;
  if (budgetOf(budgets, asker) === null) return;
  await lockBudget(tx, asker, monthOf(at));
  const own = (moneyOf(updateCharge ?? '0') + moneyOf(emergencyCharge ?? '0')) * BigInt(request.asked);
  const budget = await budgetNow(tx, budgets, asker, at);
  // The request is stored already, so what is used includes its own charges.
  const over = overBudget(budget && { ...budget, used: budget.used - own }, own);
  if (over !== null) throw over;
}
