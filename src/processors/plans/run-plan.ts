import type { WorkDeps } from '../../account/deps.ts';
import { closedByFailure } from '../../account/gate.ts';
import { extendPlanLease, finishPlan, leasePlan, type Plan, refuseApply } from '../../db/plans.ts';
import { after } from '../../domain/clock.ts';
import { asError, ProvisioningError } from '../../domain/errors.ts';
import { done, failed, type Outcome, skipped, snooze } from '../../domain/outcome.ts';
import type { PlanResult, StoredFailure } from '../../domain/plan.ts';
import { bodyOfPlan } from '../../producers/plans/stored-body.ts';
import type { PayloadOf } from '../../queues/catalogue.ts';
import type { JobContext } from '../context.ts';
import { applyPlan } from './apply-plan.ts';
import { type HeldPlan, holdPlan } from './hold-plan.ts';
import { planBuy } from './plan-buy.ts';
import { planDelete } from './plan-delete.ts';
import { planSearch } from './plan-search.ts';
import { planUpdate } from './plan-update.ts';

/** People wait for a plan. What still fails after this many milliseconds, although it may pass, fails the plan. */
const PATIENCE_MS = 45_000;

/**
 * Computes one plan, or files the request of a plan that is being applied. When its worker dies, the next one leases the plan and begins
 * again: nothing was bought, changed or released by then. Whoever waits for the row learns every end from it.
 */
export async function runPlan(deps: WorkDeps, job: PayloadOf<'plan.run'>, ctx: JobContext): Promise<Outcome> {
  const now = deps.clock.now();
  const plan = await leasePlan(deps.db.sql, job.planId, now, after(now, deps.timings.leaseMs));
  if (plan === null) return skipped('nothing is to be done for this plan, or another worker has it');
  const held = holdPlan(deps, plan, ctx.signal);
  try {
    if (plan.applyAskedAt !== null) return done(`became request ${await applyPlan(deps, held)}`);
    const result = await computed(deps, held);
    await finishPlan(deps.db.sql, plan, { result, at: deps.clock.now() });
    return done(`planned: ${result.kind}`);
  } catch (error) {
    return await afterFailure(deps, plan, error, ctx);
  }
}

async function computed(deps: WorkDeps, held: HeldPlan): Promise<PlanResult> {
  const asked = bodyOfPlan(held.plan);
  if (asked.kind === 'search') return planSearch(deps, held, asked.body);
  const { body } = asked;
  if (body.kind === 'buy') return planBuy(deps, held, body);
  return body.kind === 'update' ? planUpdate(deps, held) : planDelete(deps, held, body);
}

/** Puts the plan off, or ends it with the failure, so that nobody waits for it in vain. */
async function afterFailure(deps: WorkDeps, plan: Plan, error: unknown, ctx: JobContext): Promise<Outcome> {
  const at = deps.clock.now();
  if (error instanceof ProvisioningError && error.code === 'lease_lost') return skipped(error.message);
  if (error instanceof ProvisioningError) await closedByFailure(deps, error);
  const isYoung = at.getTime() - (plan.applyAskedAt ?? plan.createdAt).getTime() < PATIENCE_MS;
  const passes = error instanceof ProvisioningError && (error.disposition === 'retry' || error.disposition === 'ambiguous');
  if (passes && (error.code === 'stopping' || isYoung)) {
    // The lease ends now, so that the next attempt can take the plan, or the sweep when the queue loses this queue job.
    await extendPlanLease(deps.db.sql, plan, after(at, -1));
    return snooze(error.retryAfterMs ?? deps.timings.backoffMs, error.code);
  }
  if (!(error instanceof ProvisioningError) && !ctx.lastAttempt) {
    await extendPlanLease(deps.db.sql, plan, after(at, -1));
    throw error;
  }
  const failure = storedOf(error);
  if (plan.applyAskedAt === null) await finishPlan(deps.db.sql, plan, { error: failure, at });
  else await refuseApply(deps.db.sql, plan, failure);
  if (!(error instanceof ProvisioningError) || error.disposition === 'bug') throw error;
  return failed(`${failure.code}: ${failure.message}`);
}

/** A failure as the row keeps it. An unforeseen one may hold anything, so its text stays in the log. */
function storedOf(error: unknown): StoredFailure {
  if (error instanceof ProvisioningError) {
    const { code, disposition, message, details } = error;
    return { code, disposition, message, details };
  }
  const name = asError(error).name;
  return {
    code: 'internal',
    disposition: 'bug',
    message: `something unforeseen happened (${name}); the log of the worker has it`,
    details: [],
  };
}
