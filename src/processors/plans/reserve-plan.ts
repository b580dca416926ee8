import type { WorkDeps } from '../../account/deps.ts';
import { closedByFailure } from '../../account/gate.ts';
import { customerReferenceOf } from '../../db/ids.ts';
import { noteReserved, streamPlanNumbers, takenOfPlan } from '../../db/plan-numbers.ts';
import { after } from '../../domain/clock.ts';
import { ProvisioningError } from '../../domain/errors.ts';
import { inSlices } from '../../domain/phone-number.ts';
import type { BuyPlan } from '../../domain/plan.ts';
import type { HeldPlan } from './hold-plan.ts';

/** Telnyx holds reserved numbers for 30 minutes (number reservation guide). */
const HELD_MS = 30 * 60_000;

/**
 * Reserves the numbers of a plan, order by order. Telnyx has no call that ends a reservation, so it lapses by itself. A number that
 * cannot be reserved stays in the plan, because it can still be bought while it is on sale.
 */
export async function reservePlan(deps: WorkDeps, held: HeldPlan): Promise<BuyPlan['reservation']> {
  const { plan } = held;
  const { sql } = deps.db;
  const numbers: string[] = [];
  for await (const n of streamPlanNumbers(sql, plan.id, 'taken')) if (n.reservedUntil === null) numbers.push(n.phoneNumber);
  for (const [i, slice] of inSlices(numbers, deps.limits.orderSize).entries()) {
    await held.keep();
    // The hold is counted from before the call, because Telnyx may begin to count before its answer arrives.
    const until = after(deps.clock.now(), HELD_MS);
    await noteReserved(sql, plan.id, await reserved(deps, slice, `${customerReferenceOf(plan.id)}-${i}`), until);
  }
  const taken = await takenOfPlan(sql, plan.id);
  return { held: taken.reserved, refused: taken.count - taken.reserved, until: taken.reservedUntil?.toISOString() ?? null };
}

/** The numbers that Telnyx now holds. A failed call holds none for certain; what it may have held lapses by itself. */
async function reserved(deps: WorkDeps, numbers: string[], reference: string): Promise<string[]> {
  try {
    return (await deps.telnyx.reserve(numbers, reference)).held;
  } catch (error) {
    if (!(error instanceof ProvisioningError) || error.code === 'stopping') throw error;
    if (await closedByFailure(deps, error)) throw error;
    deps.log.warn({ err: error, reference }, 'numbers of a plan could not be reserved');
    return [];
  }
}
