import type { PlanResult, StoredFailure } from '../domain/plan.ts';
import type { SqlOrTx, Tx } from './client.ts';
import type { plans } from './schema/index.ts';

export type Plan = typeof plans.$inferSelect;
export type NewPlan = Pick<Plan, 'id' | 'kind' | 'body' | 'steps' | 'asked' | 'reserve' | 'askedBy' | 'createdAt' | 'expiresAt'>;

/** Stores a plan that a worker is to compute. */
export async function insertPlan(sql: SqlOrTx, p: NewPlan): Promise<Plan> {
  const [row] = await sql<Plan[]>`
    insert into plans (id, kind, status, body, steps, asked, reserve, asked_by, created_at, expires_at)
    values (${p.id}, ${p.kind}, 'pending', ${JSON.stringify(p.body)}::text::jsonb, ${JSON.stringify(p.steps)}::text::jsonb,
      ${p.asked}, ${p.reserve}, ${p.askedBy}, ${p.createdAt}, ${p.expiresAt})
    returning *`;
  if (row === undefined) throw new Error('a plan was not inserted');
  return row;
}

/** Returns a plan, or `null` when there is none with this id. */
export async function getPlan(sql: SqlOrTx, id: string): Promise<Plan | null> {
  const [row] = await sql<Plan[]>`select * from plans where id = ${id}`;
  return row ?? null;
}

/** What a worker has to do for a plan: compute it, or file its request. */
const isDue = (sql: SqlOrTx) => sql`(status = 'pending' or (status = 'planned' and apply_asked_at is not null))`;

/** Leases a plan to one worker. Returns `null` while another worker has it, or when nothing is to be done for it. */
export async function leasePlan(sql: SqlOrTx, id: string, now: Date, until: Date): Promise<Plan | null> {
  const [row] = await sql<Plan[]>`
    update plans set lease_until = ${until}, generation = generation + 1
    where id = ${id} and ${isDue(sql)} and (lease_until is null or lease_until < ${now})
    returning *`;
  return row ?? null;
}

/** A plan as one worker leased it. Each lease has a generation of its own. */
export type LeasedPlan = Pick<Plan, 'id' | 'generation'>;

/** Extends the lease. Returns `false` when another worker has the plan, or when nothing is to be done for it any more. */
export async function extendPlanLease(sql: SqlOrTx, plan: LeasedPlan, until: Date): Promise<boolean> {
  const { count } = await sql`
    update plans set lease_until = ${until} where id = ${plan.id} and generation = ${plan.generation} and ${isDue(sql)}`;
  return count > 0;
}

/** Ends the computation of a plan. Does nothing when another worker has it by now. */
export async function finishPlan(
  sql: SqlOrTx,
  plan: LeasedPlan,
  end: { result: PlanResult; at: Date } | { error: StoredFailure; at: Date },
): Promise<void> {
  const result = 'result' in end ? JSON.stringify(end.result) : null;
  const error = 'error' in end ? JSON.stringify(end.error) : null;
  await sql`
    update plans set status = ${error === null ? 'planned' : 'failed'}, result = ${result}::text::jsonb, error = ${error}::text::jsonb,
      planned_at = ${end.at}, lease_until = null
    where id = ${plan.id} and generation = ${plan.generation} and status = 'pending'`;
}

/**
 * Begins an attempt to apply a plan. Returns `null` when it cannot begin now: it is not planned, not valid any more, or another
 * attempt is under way.
 */
export async function askToApply(
  sql: SqlOrTx,
  id: string,
  ask: { actor: string; allowChanges: boolean; at: Date },
): Promise<Plan | null> {
  const [row] = await sql<Plan[]>`
    update plans set applied_by = ${ask.actor}, apply_asked_at = ${ask.at}, allow_changes = ${ask.allowChanges}, tries = tries + 1,
      apply_error = null, lease_until = null
    where id = ${id} and status = 'planned' and kind <> 'search' and apply_asked_at is null and expires_at > ${ask.at}
    returning *`;
  return row ?? null;
}

/** Ends an attempt to apply a plan without a request. The plan can be applied again. */
export async function refuseApply(sql: SqlOrTx, plan: LeasedPlan, error: StoredFailure): Promise<void> {
  await sql`
    update plans set apply_asked_at = null, lease_until = null, apply_error = ${JSON.stringify(error)}::text::jsonb
    where id = ${plan.id} and generation = ${plan.generation} and status = 'planned'`;
}

/**
 * Turns the plan into its request, in the transaction that stores the request. Returns `false` when another worker has the plan by
 * now, or when it has become a request already; the caller must then store nothing.
 */
export async function becomeRequest(tx: Tx, plan: LeasedPlan, requestId: string, at: Date): Promise<boolean> {
  const { count } = await tx`
    update plans set status = 'applied', request_id = ${requestId}, applied_at = ${at}, apply_asked_at = null, lease_until = null
    where id = ${plan.id} and generation = ${plan.generation} and status = 'planned' and apply_asked_at is not null`;
  return count > 0;
}

/**
 * Returns plans whose worker died or whose queue job was lost, with a new generation for a new queue job. Their lease ends at
 * `justNow`, so that they become overdue again when the new queue job is lost too.
 */
export async function overduePlans(sql: SqlOrTx, dueBefore: Date, justNow: Date): Promise<Plan[]> {
  return sql<Plan[]>`
    update plans set generation = generation + 1, lease_until = ${justNow}
    where id in (
      select id from plans
      where (status = 'pending' or apply_asked_at is not null) and ${isDue(sql)}
        and coalesce(lease_until, apply_asked_at, created_at) < ${dueBefore}
      for update skip locked
    )
    returning *`;
}

/** Calls plans expired that were not applied in time. Returns how many. */
export async function expirePlans(sql: SqlOrTx, at: Date): Promise<number> {
  const { count } = await sql`
    update plans set status = 'expired' where status in ('pending', 'planned') and apply_asked_at is null and expires_at <= ${at}`;
  return count;
}

/**
 * Deletes the numbers of plans that expired before `before`. The plans themselves stay, and so do the numbers of a plan whose
 * request is still open, because their prices are its caps.
 */
export async function prunePlanNumbers(sql: SqlOrTx, before: Date): Promise<number> {
  const { count } = await sql`
    delete from plan_numbers n using plans p
    where p.id = n.plan_id and p.expires_at < ${before}
      and not exists (select 1 from requests r where r.id = p.request_id and r.finished_at is null)`;
  return count;
}

/** Deletes searches that are older than `before`: they are answers, and nobody applies them. */
export async function pruneSearches(sql: SqlOrTx, before: Date): Promise<number> {
  const { count } = await sql`delete from plans where kind = 'search' and created_at < ${before}`;
  return count;
}
