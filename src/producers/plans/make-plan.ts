import type { Tx } from '../../db/client.ts';
import { newPlanId } from '../../db/ids.ts';
import { planNumbersFromIncoming } from '../../db/plan-numbers.ts';
import { insertPlan, type Plan } from '../../db/plans.ts';
import { after } from '../../domain/clock.ts';
import { invalid } from '../../domain/errors.ts';
import { LIBRARY_ACTOR } from '../../domain/key-space.ts';
import { PLAN_VALID_MS } from '../../domain/plan.ts';
import type { AnyEnqueue } from '../../queues/port.ts';
import type { ProducerDeps } from '../deps.ts';
import { enqueue } from '../enqueue.ts';
import { describe, matchesNothing, stepsOf } from '../intake/describe-body.ts';
import type { RequestBody } from '../intake/request-shapes.ts';
import { searchedFor, stageBody } from '../intake/stage-body.ts';
import type { NumberRow, OnRepeat, Repeats } from '../intake/stage-numbers.ts';
import { actorProblem } from '../intake/submit.ts';
import { parseRequest } from '../intake/validate.ts';
import { parseSearch, type SearchInput } from './search-shape.ts';

/** How a plan comes in. The fields are those of a request. */
export interface PlanOptions {
  actor?: string;
  numbers?: AsyncIterable<NumberRow>;
  columns?: readonly string[];
  repeats?: OnRepeat;
}

/** The queue job that computes or applies a plan. People wait for it, so it goes before the work of requests. */
export function planJob(plan: Pick<Plan, 'id' | 'generation'>): AnyEnqueue {
  return { name: 'plan.run', payload: { planId: plan.id }, id: `${plan.id}-${plan.generation}`, priority: 1 };
}

/**
 * Stores a plan of a request, which a worker then computes. The body is checked as that of a request. A filter is resolved now: the plan
 * and its request are about the numbers that match at this moment. Throws `validation_failed` with every problem.
 */
export async function makePlan(
  deps: ProducerDeps,
  input: unknown,
  options: PlanOptions = {},
): Promise<{ plan: Plan; repeats: Repeats }> {
  const { numbers, columns, actor = LIBRARY_ACTOR } = options;
  const wrongActor = actorProblem(actor);
  if (wrongActor !== null) throw invalid([{ path: 'actor', message: wrongActor }]);
  const body = parseRequest(input, { streamed: numbers !== undefined, byRow: columns !== undefined });
  const stored = await deps.db.sql.begin((tx) => store(deps, tx, body, { ...options, actor }));
  await enqueue(deps, [planJob(stored.plan)]);
  deps.log.info({ planId: stored.plan.id, kind: body.kind, asked: stored.plan.asked }, 'plan asked for');
  return stored;
}

async function store(deps: ProducerDeps, tx: Tx, body: RequestBody, options: PlanOptions & { actor: string }) {
  const at = deps.clock.now();
  const staged = await stageBody(tx, body, { ...options, known: false });
  const asked = searchedFor(body) + staged.count;
  if (asked === 0) throw invalid([matchesNothing(body)]);
  const plan = await insertPlan(tx, {
    id: newPlanId(),
    kind: body.kind,
    body: describe(body, staged, options.columns),
    steps: stepsOf(body),
    asked,
    reserve: body.kind === 'buy' && body.reserve,
    askedBy: options.actor,
    createdAt: at,
    expiresAt: after(at, PLAN_VALID_MS),
  });
  if (staged.listed) await planNumbersFromIncoming(tx, plan.id);
  return { plan, repeats: staged.repeats };
}

/** Stores a search, which a worker then does. Throws `validation_failed` with every problem. */
export async function makeSearch(
  deps: ProducerDeps,
  input: SearchInput,
  options: { actor?: string; at?: (path: string) => string } = {},
): Promise<Plan> {
  const { actor = LIBRARY_ACTOR, at: place = (path) => path } = options;
  const body = parseSearch(input, deps.limits.maxNumberCost, place);
  const now = deps.clock.now();
  const plan = await insertPlan(deps.db.sql, {
    id: newPlanId(),
    kind: 'search',
    body: { ...body },
    steps: [],
    asked: 0,
    reserve: false,
    askedBy: actor,
    createdAt: now,
    expiresAt: after(now, PLAN_VALID_MS),
  });
  await enqueue(deps, [planJob(plan)]);
  return plan;
}
