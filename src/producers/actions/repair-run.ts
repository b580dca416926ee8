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
  /** The person who asks, or the run itself. */
  actor: string;
  /** Called before each request is filed; may end the repair by rejecting. */
  keep?: () => Promise<void>;
}

/** What a repair could do about the open differences of a run. */
export interface RunRepaired {
  /** Update requests that put ours back, one for each set of values. */
  filed: { id: string; numbers: number; set: RepairTarget }[];
  /** What no update can end. */
  cannot: LeftOpen[];
  /** Rows of numbers that an open request works on: an earlier repair of them is under way, or another request is. */
  busy: number;
  /** Named numbers without an open difference in the run. */
  unknown: number;
  /** In words, what could not be filed: one set of values that is refused stops no other. */
  failures: string[];
}

/** Rows that change between plan and filing are planned anew, at most this often. */
const MOST_PLANS = 3;

/**
 * Puts back what a run found changed, also days later: from its stored rows, by ordinary update requests. A difference is put
 * back once, whoever asks and how often: while a request works on a number, it is left to that. Errors: `not_found`, `not_ended`,
 * `validation_failed`.
 */
export async function repairRun(deps: ProducerDeps, runId: string, options: RepairOptions): Promise<RunRepaired> {
  await endedRun(deps, runId);
  return fileRepairs(deps, runId, options);
}

/** The same for a run that is about to end. A repeat files nothing twice. */
export async function fileRepairs(deps: ProducerDeps, runId: string, options: RepairOptions): Promise<RunRepaired> {
  const done: RunRepaired = { filed: [], cannot: [], busy: 0, unknown: 0, failures: [] };
  // A list is a stream: it is read once, and what it chose is planned again without it.
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

/** Ends the filing of one repair; never leaves this file but as text. */
class Moved extends Error {}

const MOVED = 'the drift was settled otherwise meanwhile';

/** The rows are not those of the plan any more, or another run has just filed a repair of them under its own name. */
function isStale(error: unknown): boolean {
  return error instanceof Moved || (error instanceof ProvisioningError && error.code === 'idempotency_conflict');
}

function failureOf(deps: ProducerDeps, runId: string, { target, numbers }: OwedRepair, error: Error): string {
  deps.log.error({ err: error, runId, count: numbers.length }, 'a repair could not be filed');
  const [first = ''] = numbers;
  const which = numbers.length === 1 ? first : `${first} and ${numbers.length - 1} more`;
  return `the repair of ${Object.keys(target).join(', ')} of ${which} could not be filed: ${error.message}`;
}
