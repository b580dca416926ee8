import { moneyOf } from '../../domain/money.ts';
import type { ProducerDeps } from '../deps.ts';
import { worstCaseCost } from './plan.ts';
import type { BuyBody } from './request-shapes.ts';
import { searchedFor } from './stage-body.ts';

/** True when a buy waits for approval: by `cost`, the prices of its plan, or else by the most that it may cost. */
export function needsApproval(
  deps: ProducerDeps,
  body: BuyBody,
  asked: number,
  cost: { upfront: string; monthly: string } | null,
): boolean {
  if (deps.limits.approvalAbove === null) return false;
  if (cost !== null) return moneyOf(cost.upfront) + moneyOf(cost.monthly) > moneyOf(deps.limits.approvalAbove);
  const worst = moneyOf(worstCaseCost(body, asked - searchedFor(body), deps.limits.maxNumberCost));
  return worst > moneyOf(deps.limits.approvalAbove);
}

/** What a request says that waits for approval. */
export function approvalText(deps: ProducerDeps): string {
  return `may cost more than ${deps.limits.approvalAbove} upfront plus first month, and waits for approval`;
}
