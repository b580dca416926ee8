import { lockBudget, usedInMonth } from '../../db/budgets.ts';
import type { Tx } from '../../db/client.ts';
import type { Request } from '../../db/requests.ts';
import { budgetOf, type Charges, monthOf, type PaidSetting } from '../../domain/budget.ts';
import { type ProvisioningError, refused } from '../../domain/errors.ts';
import { formatMoney, type Micros, moneyOf } from '../../domain/money.ts';
import type { ProducerDeps } from '../deps.ts';

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
  const budget = budgetOf(deps.limits.budgets, asker);
  if (kind === 'buy' || asker === null || budget === null || (updateCharge === null && emergencyCharge === null)) return;
  const month = monthOf(at);
  await lockBudget(tx, asker, month);
  const used = moneyOf((await usedInMonth(tx, asker, month, at)).total);
  if (used <= moneyOf(budget)) return;
  const own = (moneyOf(updateCharge ?? '0') + moneyOf(emergencyCharge ?? '0')) * BigInt(request.asked);
  throw overBudget({ own, asker, used: used - own, budget, month: month.name });
}

/** The refusal of what costs more than is left of a budget. Amounts are in millionths. */
export function overBudget(b: { own: Micros; asker: string; used: Micros; budget: string; month: string }): ProvisioningError {
  return refused(
    'budget_exceeded',
    `this costs ${formatMoney(b.own)}, and "${b.asker}" has used ${formatMoney(b.used)} of its budget of ${b.budget} for ${b.month}; nothing was stored`,
  );
}
