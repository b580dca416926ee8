import type { WorkDeps } from '../../account/deps.ts';
import { plannedChanges } from '../../db/plan-changes.ts';
import { takeAllPlanNumbers } from '../../db/plan-numbers.ts';
import { type Charges, chargesOf } from '../../domain/budget.ts';
import { ProvisioningError } from '../../domain/errors.ts';
import { formatMoney, moneyOf } from '../../domain/money.ts';
import type { PlanStop, UpdatePlan } from '../../domain/plan.ts';
import { budgetNow, overBudget } from '../../producers/intake/budget-now.ts';
import { requirePrices } from '../../producers/intake/reserve-charges.ts';
import { estimate } from './estimate.ts';
import type { HeldPlan } from './hold-plan.ts';

/**
 * Compares what an update asks for with the inventory. The database does it, so a plan of 100,000 numbers needs no more memory here
 * than one of ten. It makes no call to Telnyx.
 */
export async function planUpdate(deps: WorkDeps, { plan }: HeldPlan): Promise<UpdatePlan> {
  await takeAllPlanNumbers(deps.db.sql, plan.id);
  const changes = await deps.db.sql.begin((tx) => plannedChanges(tx, plan.id, plan.steps));
  const charges = chargesOf(plan.steps, deps.limits.prices);
  const own = (moneyOf(charges.update ?? '0') + moneyOf(charges.emergency ?? '0')) * BigInt(plan.asked);
  return {
    kind: 'update',
    numbers: plan.asked,
    changed: changes.changed,
    unchanged: changes.unchanged,
    not_in_inventory: changes.notInInventory,
    fields: changes.fields,
    charge: own === 0n ? null : formatMoney(own),
    stops: await stopsOf(deps, plan.askedBy, plan.asked, charges, own),
    notes: notesOf(changes.notInInventory),
    ...(await estimate(deps, plan.steps, plan.asked)),
  };
}

/** What the budget of the asker would refuse. A request checks the same when it is filed. */
async function stopsOf(deps: WorkDeps, asker: string, numbers: number, charges: Charges, own: bigint): Promise<PlanStop[]> {
  const stop = ({ code, message }: ProvisioningError): PlanStop => ({ code, message, numbers });
  try {
    requirePrices(deps, asker, charges);
  } catch (error) {
    if (error instanceof ProvisioningError) return [stop(error)];
    throw error;
  }
  if (own === 0n) return [];
  const over = overBudget(await budgetNow(deps.db.sql, deps.limits.budgets, asker, deps.clock.now()), own);
  return over === null ? [] : [stop(over)];
}

function notesOf(notInInventory: number): string[] {
  if (notInInventory === 0) return [];
  if (notInInventory === 1) return ['1 number is not in the inventory: it fails if the account does not own it'];
  return [
    `${notInInventory.toLocaleString('en-US')} numbers are not in the inventory: each fails if the account does not own it`,
  ];
}
