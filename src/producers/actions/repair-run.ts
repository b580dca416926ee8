import {
  type LeftOpen,
  markRepairing,
  type OwedRepair,
  planRepairs,
  type RepairPlan,
  type RepairTarget,
} from '../../db/drift.ts';
import { insertEvent } from '../../db/events.ts';
import { asError, ProvisioningError } from '../../domain/errors.ts';
import type { ProducerDeps } from '../deps.ts';
import { submitKnown } from '../intake/submit.ts';
import { choose, type DriftChoice, endedRun } from './choose-drift.ts';

export interface RepairOptions extends DriftChoice {
  /** The person who asks, or the id of the reconciliation run itself. */
  actor: string;
  /** Called before each request is filed. The repair ends when it rejects. */
  keep?: () => Promise<void>;
}

/** What a repair did about the open differences of a reconciliation run. */
export interface RunRepaired {
  /** Update requests that put our values back, one for each set of values. */
  filed: { id: string; numbers: number; set: RepairTarget }[];
  /** Differences that no update can end. */
  cannot: LeftOpen[];
  /** How many rows belong to numbers that an open request works on, such as an earlier repair. */
  busy: number;
  /** How many named numbers have no open difference in the run. */
  unknown: number;
  /** What could not be filed, as text. A refused set of values does not stop the others. */
  failures: string[];
}

/** When rows change between plan and filing, the repair is planned again, up to this many plans. */
const MOST_PLANS = 3;

/**
 * Puts back what a reconciliation run found changed, also days later. It reads the stored rows and files ordinary update
 * requests. A difference is put back once only: while an open request works on a number, the number is left to that request.
 * Errors: `not_found`, `not_ended`, `validation_failed`.
 */
export async function repairRun(deps: ProducerDeps, runId: string, options: RepairOptions): Promise<RunRepaired> {
  await endedRun(deps, runId);
  return fileRepairs(deps, runId, options);
}

/** Does the same for a reconciliation run that is about to end. A second call files nothing twice. */
export async function fileRepairs(deps: ProducerDeps, runId: string, options: RepairOptions): Promise<RunRepaired> {
  const done: RunRepaired = { filed: [], cannot: [], busy: 0, unknown: 0, failures: [] };
  // A list is a stream and can be read once only, so a later plan uses the chosen rows instead.
  let left = await plan(deps, runId, options, done);
  for (let plans = 1; left.owed.length > 0; plans += 1) {
    const stale: OwedRepair[] = [];
    for (const repair of left.owed) {
      await options.keep?.();
      try {
        done.filed.push({ ...(await fileOne(deps, runId, repair, options.actor)), set: repair.target });
      } catch (error) {
        if (isStale(error) && plans < MOST_PLANS) stale.push(repair);
        else done.failures.push(failureOf(deps, runId, repair, asError(error)));
      }
    }
    left = stale.length === 0 ? { ...left, owed: [] } : await planAgain(deps, runId, stale, done);
  }
  return done;
}

async function plan(deps: ProducerDeps, runId: string, choice: DriftChoice, done: RunRepaired): Promise<RepairPlan> {
  return deps.db.sql.begin(async (tx) => {
    done.unknown = await choose(tx, runId, choice);
    const made = await planRepairs(tx);
    done.cannot = made.cannot;
    done.busy = made.busy;
    return made;
  });
}

async function planAgain(deps: ProducerDeps, runId: string, stale: OwedRepair[], done: RunRepaired): Promise<RepairPlan> {
  return deps.db.sql.begin(async (tx) => {
    const only = [...new Set(stale.flatMap((r) => Object.keys(r.target)))];
    const numbers = stale.flatMap((r) => r.numbers).map((number) => ({ number, at: 'drift' }));
    await choose(tx, runId, { only, numbers });
    const made = await planRepairs(tx);
    done.busy += made.busy;
    return made;
  });
}

async function fileOne(
  deps: ProducerDeps,
  runId: string,
  repair: OwedRepair,
  actor: string,
): Promise<{ id: string; numbers: number }> {
  const { target: set, numbers, mark } = repair;
  const body = { kind: 'update' as const, label: `repair of ${runId}`, phone_numbers: numbers, set };
  const { request } = await submitKnown(deps, body, {
    filedBy: runId,
    actor,
    keySpace: 'internal',
    idempotencyKey: `repair-${mark}`,
    together: async (tx, requestId) => {
      const because = { cause: 'repair_filed', at: deps.clock.now(), runId, requestId, actor };
      if (!(await markRepairing(tx, repair, requestId, because))) throw new Moved(MOVED);
      const detail = { numbers: numbers.length, fields: Object.keys(set) };
      await insertEvent(tx, { ...because, subject: 'run', subjectId: runId, detail });
    },
  });
  deps.log.info({ runId, requestId: request.id, count: numbers.length }, 'a repair was filed');
  return { id: request.id, numbers: numbers.length };
}

/** Thrown to end the filing of one repair. Only its text leaves this file. */
class Moved extends Error {}

const MOVED = 'the drift was settled in another way meanwhile';

/** True when the rows no longer match the plan, or when another repair has just filed the same rows under its own name. */
function isStale(error: unknown): boolean {
  return error instanceof Moved || (error instanceof ProvisioningError && error.code === 'idempotency_conflict');
}

function failureOf(deps: ProducerDeps, runId: string, { target, numbers }: OwedRepair, error: Error): string {
  deps.log.error({ err: error, runId, count: numbers.length }, 'a repair could not be filed');
  const [first = ''] = numbers;
  const which = numbers.length === 1 ? first : `${first} and ${numbers.length - 1} more`;
  return `the repair of ${Object.keys(target).join(', ')} of ${which} could not be filed: ${error.message}`;
}
