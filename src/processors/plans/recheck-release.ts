import type { WorkDeps } from '../../account/deps.ts';
import { judgePlanNumbers } from '../../db/plan-numbers.ts';
import { releaseStep } from '../../producers/intake/plan.ts';
import type { DeleteBody } from '../../producers/intake/request-shapes.ts';
import type { HeldPlan } from './hold-plan.ts';
import { judged } from './plan-delete.ts';
import type { Change } from './recheck-offers.ts';

/**
 * Runs every guard of a planned release again on the numbers that the plan releases. A number that a guard kept back when the plan was
 * made is not released, whatever has become of it. With `allowChanges`, numbers that a guard keeps back now leave the plan. Errors:
 * those of the gateway.
 */
export async function recheckRelease(deps: WorkDeps, held: HeldPlan, body: DeleteBody): Promise<Change[]> {
  const changes: Change[] = [];
  for await (const slice of judged(deps, held, releaseStep(body), 'taken')) {
    const kept = slice.filter(({ code }) => code !== null);
    changes.push(...kept.map(({ number, reason }) => ({ phoneNumber: number.phoneNumber, what: `is kept back now: ${reason}` })));
    if (!held.plan.allowChanges || kept.length === 0) continue;
    await judgePlanNumbers(
      deps.db.sql,
      held.plan.id,
      kept.map(({ number, code }) => ({ phoneNumber: number.phoneNumber, verdict: code ?? 'kept' })),
    );
  }
  return changes;
}
