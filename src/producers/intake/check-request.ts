import { readTargets, type Targets } from '../../db/targets.ts';
import { PROTECTED_TAG } from '../../domain/delete-guard.ts';
import { LIBRARY_ACTOR } from '../../domain/key-space.ts';
import { silentLog } from '../../observability/log.ts';
import type { ProducerDeps } from '../deps.ts';
import { type BudgetNow, budgetNow } from './budget-now.ts';
import type { RequestBody } from './request-shapes.ts';
import { NO_REPEATS, type Repeats } from './stage-numbers.ts';
import { type SubmitOptions, submitRequest } from './submit.ts';

/** How many numbers of a request are shown as examples. */
const SAMPLE = 3;

/** What is known about a request before it is filed. */
export interface Checked {
  /** An earlier request with the same idempotency key and body: nothing new would be filed. `null` for a new request. */
  before: string | null;
  targets: Targets;
  repeats: Repeats;
  /** The budget of the asker for this month, or `null`. */
  budget: BudgetNow | null;
}

const NO_TARGETS: Targets = {
  ...{ named: 0, sample: [], sets: 0, notOwned: 0, tagged: 0, withProfile: 0, locked: 0, withEmergency: 0, withTag: 0 },
  ...{ monthly: '0', currency: null },
};

/**
 * Takes a request on and undoes it in the same transaction. So whatever would refuse the request refuses it here, with the same
 * error, and nothing is stored, enqueued or sent. The numbers are read to their end. Throws what `submitRequest` throws.
 */
export async function checkRequest(deps: ProducerDeps, body: RequestBody, options: SubmitOptions): Promise<Checked> {
  const undo = new Error('the request was only checked');
  const { actor = LIBRARY_ACTOR } = options;
  let found: Pick<Checked, 'targets' | 'repeats'> = { targets: NO_TARGETS, repeats: NO_REPEATS };
  const budget = await budgetNow(deps.db.sql, deps.limits.budgets, actor, deps.clock.now());
  const quiet: ProducerDeps = { ...deps, log: silentLog };
  try {
    const { request } = await submitRequest(quiet, body, {
      ...options,
      together: async (tx, id, repeats) => {
        found = { targets: await readTargets(tx, id, { sample: SAMPLE, tag: PROTECTED_TAG }), repeats };
        throw undo;
      },
    });
    return { before: request.id, ...found, budget };
  } catch (error) {
    if (error !== undo) throw error;
    return { before: null, ...found, budget };
  }
}
