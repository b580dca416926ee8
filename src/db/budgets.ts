import type { Month } from '../domain/budget.ts';
import { HELD_ITEM_STATUSES } from '../domain/request.ts';
import type { SqlOrTx, Tx } from './client.ts';

/**
 * Locks the budget of an asker for a month until the transaction ends, so that two requests never reserve the same money. Take the
 * lock of the request first, and claims after it.
 */
export async function lockBudget(tx: Tx, owner: string, month: Month): Promise<void> {
  await tx`insert into budgets (owner, month) values (${owner}, ${month.name}) on conflict do nothing`;
  await tx`select 1 from budgets where owner = ${owner} and month = ${month.name} for no key update`;
}

/** What the requests of an asker have used of one month, as decimal text. */
export interface MonthUsed {
  total: string;
  /** When the first refused number stops counting; `null` when none counts. */
  heldUntil: Date | null;
}

/**
 * Adds up what the requests of an asker bought, hold or set in a month: upfront and first month of numbers, by the moment of their
 * claim, and paid settings, by the moment of the request. Numbers that ended without a purchase count no more, so their money is
 * free again. A paid setting still counts when a later step of its number failed. Refused numbers count until `heldUntil`, because a
 * call that the network doubled may deliver them.
 */
export async function usedInMonth(sql: SqlOrTx, owner: string, month: Month, at: Date): Promise<MonthUsed> {
  const [row] = await sql<MonthUsed[]>`
    with mine as (
      select id, kind, created_at, update_charge, emergency_charge from requests
      where submitted_by = ${owner} and (finished_at is null or finished_at >= ${month.from})
        and (kind = 'buy' or update_charge is not null or emergency_charge is not null)
    ), charged as (
      select i.upfront_cost, i.monthly_cost, i.bought_at, m.update_charge, m.emergency_charge, c.kind as step,
        i.status = any(${HELD_ITEM_STATUSES}::text[]) as held
      from mine m join items i on i.request_id = m.id left join chunks c on c.id = i.chunk_id and m.update_charge is not null
      where case when m.kind = 'buy' then i.charged_at else m.created_at end >= ${month.from}
        and case when m.kind = 'buy' then i.charged_at else m.created_at end < ${month.to}
    ), lost as (
      select sum(x.upfront_cost + x.monthly_cost) as total, min(x.held_until) as until
      from mine m join lines l on l.request_id = m.id join line_losses x on x.line_id = l.id
      where x.held_until > ${at}
    )
    select (coalesce(sum(
        case when held or bought_at is not null then coalesce(upfront_cost, 0) + coalesce(monthly_cost, 0) else 0 end
        + case when held or step in ('messaging', 'emergency') then coalesce(update_charge, 0) else 0 end
        + case when held then coalesce(emergency_charge, 0) else 0 end), 0)
      + coalesce((select total from lost), 0))::text as total, (select until from lost) as held_until
    from charged`;
  return row ?? { total: '0', heldUntil: null };
}
