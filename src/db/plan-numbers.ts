import type { SqlOrTx, Tx } from './client.ts';
import { pageByPage } from './pages.ts';
import type { planNumbers } from './schema/index.ts';

export type PlanNumber = typeof planNumbers.$inferSelect;

/** The verdict of a number that the request is filed for. Every other verdict is the reason why it is left out. */
export const TAKE = 'take';

/** Turns the staged list of this transaction into numbers of a plan. */
export async function planNumbersFromIncoming(tx: Tx, planId: string): Promise<void> {
  await tx`
    insert into plan_numbers (plan_id, phone_number, position, steps)
    select ${planId}, phone_number, position, steps from incoming`;
}

/** A number that a search found, with its price. */
export interface FoundNumber {
  phoneNumber: string;
  line: number | null;
  upfrontCost: string;
  monthlyCost: string;
  currency: string;
}

/**
 * Forgets what was found, before a plan is computed once more after the end of its worker. Listed numbers stay, and so do numbers that
 * Telnyx holds already.
 */
export async function resetPlanNumbers(sql: SqlOrTx, planId: string): Promise<void> {
  await sql`delete from plan_numbers where plan_id = ${planId} and line is not null and reserved_until is null`;
  await sql`
    update plan_numbers set upfront_cost = null, monthly_cost = null, currency = null, verdict = null
    where plan_id = ${planId} and verdict is not null`;
}

/** Adds numbers that a plan takes, or prices those that it lists. `from` is the position of the first one that is added. */
export async function takePlanNumbers(sql: SqlOrTx, planId: string, found: readonly FoundNumber[], from: number): Promise<void> {
  const column = (pick: (n: FoundNumber) => string) => found.map(pick);
  await sql`
    insert into plan_numbers (plan_id, phone_number, position, line, upfront_cost, monthly_cost, currency, verdict)
    select ${planId}, n.number, ${from} + n.ord - 1, nullif(n.line, '')::int, n.upfront::numeric, n.monthly::numeric, n.currency, ${TAKE}
    from unnest(${column((n) => n.phoneNumber)}::text[], ${column((n) => String(n.line ?? ''))}::text[], ${column((n) => n.upfrontCost)}::text[],
      ${column((n) => n.monthlyCost)}::text[], ${column((n) => n.currency)}::text[])
      with ordinality as n(number, line, upfront, monthly, currency, ord)
    on conflict (plan_id, phone_number) do update set
      position = case when plan_numbers.line is null then plan_numbers.position else excluded.position end, upfront_cost = excluded.upfront_cost, monthly_cost = excluded.monthly_cost,
      currency = excluded.currency, verdict = excluded.verdict`;
}

/** Writes the verdict of some numbers. */
export async function judgePlanNumbers(
  sql: SqlOrTx,
  planId: string,
  verdicts: readonly { phoneNumber: string; verdict: string }[],
): Promise<void> {
  await sql`
    update plan_numbers p set verdict = v.verdict
    from unnest(${verdicts.map((v) => v.phoneNumber)}::text[], ${verdicts.map((v) => v.verdict)}::text[]) as v(number, verdict)
    where p.plan_id = ${planId} and p.phone_number = v.number`;
}

/** Marks numbers that Telnyx holds for this account until `until`. */
export async function noteReserved(sql: SqlOrTx, planId: string, numbers: readonly string[], until: Date): Promise<void> {
  await sql`
    update plan_numbers set reserved_until = ${until}
    where plan_id = ${planId} and phone_number = any(${[...numbers]}::text[])`;
}

/** Which numbers of a plan to read. */
export type Which = 'all' | 'taken';

/** One page of the numbers of a plan in their order. `after` is the position of the last one before. */
export async function pageOfPlanNumbers(
  sql: SqlOrTx,
  planId: string,
  which: Which,
  after: number,
  limit: number,
): Promise<PlanNumber[]> {
  return sql<PlanNumber[]>`
    select * from plan_numbers
    where plan_id = ${planId} and position > ${after} and (${which === 'all'} or verdict = ${TAKE})
    order by position limit ${limit}`;
}

/** Yields the numbers of a plan in their order, page by page, so that a long plan is never held in memory. */
export function streamPlanNumbers(sql: SqlOrTx, planId: string, which: Which, page = 5_000): AsyncGenerator<PlanNumber> {
  return pageByPage<PlanNumber>(page, (behind) => pageOfPlanNumbers(sql, planId, which, behind?.position ?? -1, page));
}

/** How many numbers of a plan its request is filed for, what they cost, and until when the first of them is held. */
export interface Taken {
  count: number;
  upfront: string;
  monthly: string;
  currency: string | null;
  /** How many are held, and until when the first of these is. */
  reserved: number;
  reservedUntil: Date | null;
}

export async function takenOfPlan(sql: SqlOrTx, planId: string): Promise<Taken> {
  const [row] = await sql<Taken[]>`
    select count(*)::int as count, coalesce(sum(upfront_cost), 0)::text as upfront, coalesce(sum(monthly_cost), 0)::text as monthly,
      max(currency) as currency, count(reserved_until)::int as reserved, min(reserved_until) as reserved_until
    from plan_numbers where plan_id = ${planId} and verdict = ${TAKE}`;
  return row ?? { count: 0, upfront: '0', monthly: '0', currency: null, reserved: 0, reservedUntil: null };
}

/** Stages the numbers of a plan that its request is filed for, in place of a list. Returns how many there are. */
export async function stagePlanNumbers(tx: Tx, planId: string): Promise<number> {
  const { count } = await tx`
    insert into incoming (phone_number, position, place, steps)
    select phone_number, row_number() over (order by position) - 1, 'plan', steps
    from plan_numbers where plan_id = ${planId} and verdict = ${TAKE}`;
  return count;
}

/** The buy lines of a plan that found numbers, with their count; null is the list of numbers. */
export async function linesOfPlan(sql: SqlOrTx, planId: string): Promise<{ line: number | null; count: number }[]> {
  return sql<{ line: number | null; count: number }[]>`
    select line, count(*)::int as count from plan_numbers where plan_id = ${planId} and verdict = ${TAKE}
    group by line order by line nulls last`;
}

/** Turns the numbers of one buy line of a plan into items of a request. `from` is the position of the first one. */
export async function itemsFromPlan(
  tx: Tx,
  of: { planId: string; line: number | null },
  to: { requestId: string; lineId: string; from: number; at: Date },
): Promise<void> {
  await tx`
    insert into items (request_id, line_id, position, phone_number, status, updated_at)
    select ${to.requestId}, ${to.lineId}, ${to.from} + row_number() over (order by position) - 1, phone_number, 'pending', ${to.at}
    from plan_numbers where plan_id = ${of.planId} and verdict = ${TAKE} and line is not distinct from ${of.line}`;
}

/** The prices of a plan for some numbers: the caps of the request that it became. A number without a price is missing. */
export async function plannedPrices(
  sql: SqlOrTx,
  planId: string,
  numbers: readonly string[],
): Promise<Map<string, { upfrontCost: string; monthlyCost: string; currency: string }>> {
  const rows = await sql<{ phoneNumber: string; upfrontCost: string; monthlyCost: string; currency: string }[]>`
    select phone_number, upfront_cost, monthly_cost, currency from plan_numbers
    where plan_id = ${planId} and phone_number = any(${[...numbers]}::text[]) and upfront_cost is not null`;
  return new Map(rows.map(({ phoneNumber, ...price }) => [phoneNumber, price]));
}

/** The listed numbers of a release that the inventory does not call ours: the first ones, how many, and how many of these it knew. */
export async function notOwnedOfPlan(
  sql: SqlOrTx,
  planId: string,
  limit: number,
): Promise<{ first: { phoneNumber: string; state: string | null }[]; count: number; gone: number }> {
  const rows = await sql<{ phoneNumber: string; state: string | null; count: number; gone: number }[]>`
    select n.phone_number, p.state, (count(*) over ())::int as count, (count(p.state) over ())::int as gone
    from plan_numbers n left join phone_numbers p using (phone_number)
    where n.plan_id = ${planId} and p.state is distinct from 'owned' order by 1 limit ${limit}`;
  const [any] = rows;
  return { first: rows.map(({ phoneNumber, state }) => ({ phoneNumber, state })), count: any?.count ?? 0, gone: any?.gone ?? 0 };
}

/** Takes all numbers of a plan. */
export async function takeAllPlanNumbers(sql: SqlOrTx, planId: string): Promise<void> {
  await sql`update plan_numbers set verdict = ${TAKE} where plan_id = ${planId}`;
}

/** The numbers of a plan that have left the account since it was made: the first ones, and how many. */
export async function goneSince(
  sql: SqlOrTx,
  plan: { id: string; plannedAt: Date },
  limit: number,
): Promise<{ first: string[]; count: number }> {
  const rows = await sql<{ phoneNumber: string; count: number }[]>`
    select n.phone_number, (count(*) over ())::int as count
    from plan_numbers n join phone_numbers p using (phone_number)
    where n.plan_id = ${plan.id} and n.verdict = ${TAKE} and p.state <> 'owned' and p.updated_at > ${plan.plannedAt}
    order by 1 limit ${limit}`;
  return { first: rows.map((r) => r.phoneNumber), count: rows[0]?.count ?? 0 };
}

/** Leaves out the numbers that have left the account since the plan was made. */
export async function dropGone(sql: SqlOrTx, plan: { id: string; plannedAt: Date }): Promise<void> {
  await sql`
    update plan_numbers n set verdict = 'already_gone' from phone_numbers p
    where n.plan_id = ${plan.id} and n.verdict = ${TAKE} and p.phone_number = n.phone_number and p.state <> 'owned'
      and p.updated_at > ${plan.plannedAt}`;
}
