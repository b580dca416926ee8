import type { Db } from '../../db/client.ts';
import type { Plan } from '../../db/plans.ts';
import { findPlan } from '../../db/queries/plans.ts';
import type { PlanStatus, StoredFailure } from '../../domain/plan.ts';

const shownFailure = (failure: StoredFailure | null) =>
  failure === null ? null : { code: failure.code, message: failure.message, details: failure.details };

/** The status of a plan now: one that was not applied in time has expired, whether or not its row says so yet. */
export function statusNow(plan: Pick<Plan, 'status' | 'expiresAt' | 'applyAskedAt'>, now: Date): PlanStatus {
  const isOpen = plan.status === 'pending' || plan.status === 'planned';
  return isOpen && plan.applyAskedAt === null && plan.expiresAt <= now ? 'expired' : plan.status;
}

/** A plan as users see it. */
export function planView(plan: Plan, now: Date) {
  return {
    id: plan.id,
    kind: plan.kind,
    status: statusNow(plan, now),
    asked: plan.asked,
    asked_by: plan.askedBy,
    body: plan.body,
    reserve: plan.reserve,
    result: plan.result,
    error: shownFailure(plan.error),
    apply_error: shownFailure(plan.applyError),
    applied_by: plan.appliedBy,
    request_id: plan.requestId,
    created_at: plan.createdAt.toISOString(),
    planned_at: plan.plannedAt?.toISOString() ?? null,
    applied_at: plan.appliedAt?.toISOString() ?? null,
    expires_at: plan.expiresAt.toISOString(),
  };
}
export type PlanView = ReturnType<typeof planView>;

/** A plan as users see it; `null` when there is no such plan. */
export async function readPlan(db: Db, id: string, now: Date): Promise<PlanView | null> {
  const plan = await findPlan(db.reads, id);
  return plan === null ? null : planView(plan, now);
}
