import type { WorkDeps } from '../../account/deps.ts';
import { judgePlanNumbers } from '../../db/plan-numbers.ts';
import { releaseStep } from '../../producers/intake/plan.ts';
import type { DeleteBody } from '../../producers/intake/request-shapes.ts';
import { type Changes, MOST_SHOWN } from './changes.ts';
import type { HeldPlan } from './hold-plan.ts';
import { judged } from './plan-delete.ts';

/**
 * Runs every guard of a planned release again on the numbers that the plan releases. A number that a guard kept back when the plan was
 * made is not released, whatever has become of it. When changes are followed, numbers that a guard keeps back now leave the plan.
 * Errors: those of the gateway.
 */
export async function recheckRelease(deps: WorkDeps, held: HeldPlan, body: DeleteBody): Promise<Changes> {
  const first: Changes['first'] = [];
  const verdicts: { phoneNumber: string; verdict: string }[] = [];
  for await (const slice of judged(deps, held, releaseStep(body), 'taken')) {
    for (const { number, code, reason } of slice) {
      if (code === null) continue;
      const { phoneNumber } = number;
      if (first.length < MOST_SHOWN) first.push({ phoneNumber, what: `is kept back now: ${reason}` });
      verdicts.push({ phoneNumber, verdict: code });
    }
  }
  return { first, count: verdicts.length, follow: (tx) => judgePlanNumbers(tx, held.plan.id, verdicts) };
}
