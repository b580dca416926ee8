import { setTimeout as sleep } from 'node:timers/promises';
import { askToApply, getPlan, type Plan } from '../../db/plans.ts';
import { notFound, ProvisioningError, refused } from '../../domain/errors.ts';
import type { StoredFailure } from '../../domain/plan.ts';
import type { ProducerDeps } from '../deps.ts';
import { enqueue } from '../enqueue.ts';
import { planJob } from './make-plan.ts';
import { statusNow } from './plan-view.ts';

/** How to wait for a worker: the time between two reads of the row, and the longest wait, in milliseconds. */
export interface WaitForPlan {
  everyMs: number;
  timeoutMs: number;
  /** Called after every read. */
  seen?: () => Promise<void>;
  /** The wait rejects as soon as this signal is aborted. */
  signal?: AbortSignal;
}

/** How the failure in a row is thrown again. */
export const thrownAgain = ({ code, disposition, message, details }: StoredFailure): ProvisioningError =>
  new ProvisioningError(code, disposition, message, { details });

/**
 * Waits until a worker has computed a plan or a search. Errors: `not_found`, `wait_timed_out` (the plan goes on), and the failure of
 * the plan itself.
 */
export async function waitForPlan(deps: ProducerDeps, id: string, wait: WaitForPlan): Promise<Plan> {
  const plan = await readUntil(deps, id, (p) => p.status !== 'pending', wait);
  if (plan.error !== null) throw thrownAgain(plan.error);
  return plan;
}

/** Who applies a plan, and whether its numbers may have changed. */
export interface Applier {
  actor: string;
  allowChanges: boolean;
}

/**
 * Applies a plan once. A worker checks the numbers again and files the request; this waits for it. Whoever applies the plan again, or at
 * the same time, gets the same request (`created` is false). Errors: `not_found`, `plan_not_ready`, `plan_expired`, `plan_changed`, the
 * errors of the guards and budgets, `wait_timed_out` (then apply again, to wait on).
 */
export async function applyPlan(
  deps: ProducerDeps,
  id: string,
  { actor, allowChanges }: Applier,
  wait: WaitForPlan,
): Promise<{ requestId: string; created: boolean }> {
  const until = Date.now() + wait.timeoutMs;
  for (;;) {
    const plan = await mustFind(deps, id);
    if (plan.requestId !== null) return { requestId: plan.requestId, created: false };
    requireApplicable(plan, deps.clock.now());
    const begun =
      plan.applyAskedAt === null ? await askToApply(deps.db.sql, id, { actor, allowChanges, at: deps.clock.now() }) : null;
    if (begun !== null) await enqueue(deps, [planJob(begun)]);
    const joined = begun ?? plan;
    const isOver = (p: Plan): boolean => p.requestId !== null || p.applyAskedAt === null || p.tries > joined.tries;
    const ended = await readUntil(deps, id, isOver, { ...wait, timeoutMs: Math.max(0, until - Date.now()) });
    if (ended.requestId !== null) return { requestId: ended.requestId, created: begun !== null };
    const same = begun !== null || (joined.applyAskedAt !== null && joined.allowChanges === allowChanges);
    if (same && ended.tries === joined.tries && ended.applyError !== null) throw thrownAgain(ended.applyError);
    // Another attempt was under way and ended without a request; it asked for something else, so this one is made now.
  }
}

/** Errors: `plan_not_ready`, `plan_expired`. */
function requireApplicable(plan: Plan, now: Date): void {
  if (plan.kind === 'search') throw refused('plan_not_ready', `${plan.id} is a search, and there is nothing to apply`);
  const status = statusNow(plan, now);
  if (status === 'pending') throw refused('plan_not_ready', `plan ${plan.id} is still being computed`);
  if (status === 'expired')
    throw refused('plan_expired', `plan ${plan.id} was valid until ${plan.expiresAt.toISOString()}; make a new one`);
  if (status === 'failed')
    throw refused('plan_not_ready', `plan ${plan.id} could not be computed: ${plan.error?.message ?? 'unknown'}; make a new one`);
}

async function readUntil(deps: ProducerDeps, id: string, isOver: (plan: Plan) => boolean, wait: WaitForPlan): Promise<Plan> {
  const { everyMs, timeoutMs, seen, signal } = wait;
  const until = Date.now() + timeoutMs;
  for (;;) {
    signal?.throwIfAborted();
    const plan = await mustFind(deps, id);
    if (isOver(plan)) return plan;
    await seen?.();
    const left = until - Date.now();
    if (left <= 0) throw timedOut(id);
    await sleep(Math.min(everyMs, left), undefined, { ...(signal !== undefined && { signal }) });
  }
}

async function mustFind(deps: ProducerDeps, id: string): Promise<Plan> {
  const plan = await getPlan(deps.db.sql, id);
  if (plan === null) throw notFound(`there is no plan ${id}`);
  return plan;
}

const timedOut = (id: string): ProvisioningError =>
  new ProvisioningError('wait_timed_out', 'retry', `no worker has finished plan ${id} yet; it goes on`, { retryAfterMs: 5_000 });
