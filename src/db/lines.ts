import type { ReasonCode } from '../domain/codes.ts';
import { type LineCriteria, OPEN_ITEM_STATUSES } from '../domain/request.ts';
import type { SqlOrTx } from './client.ts';
import { type Because, insertNumberEvents } from './events.ts';
import { newLineId } from './ids.ts';
import { releaseClaims, takeClaims } from './items.ts';
import { byId } from './pages.ts';
import type { lines } from './schema/index.ts';

export type Line = typeof lines.$inferSelect;

export async function insertLine(
  sql: SqlOrTx,
  l: { requestId: string; position: number; quantity: number; criteria: LineCriteria; at: Date; open: boolean },
): Promise<string> {
  const id = newLineId();
  await sql`
    insert into lines (id, request_id, position, quantity, criteria, next_run_at, created_at, updated_at)
    values (${id}, ${l.requestId}, ${l.position}, ${l.quantity}, ${JSON.stringify(l.criteria)}::text::jsonb,
      ${l.open ? l.at : null}, ${l.at}, ${l.at})`;
  return id;
}

/** Returns a buy line, or `null` when there is none with this id. */
export async function getLine(sql: SqlOrTx, id: string): Promise<Line | null> {
  const [row] = await sql<Line[]>`select * from lines where id = ${id}`;
  return row ?? null;
}

/** Returns the buy lines of a request by position. */
export async function linesOfRequest(sql: SqlOrTx, requestId: string): Promise<Line[]> {
  return sql<Line[]>`select * from lines where request_id = ${requestId} order by position`;
}

/** Leases a buy line, because only one worker fills it at a time. Returns `null` while another worker has the lease. */
export async function leaseLine(sql: SqlOrTx, id: string, now: Date, until: Date): Promise<Line | null> {
  const [row] = await sql<Line[]>`
    update lines set lease_until = ${until}, next_run_at = ${until}, updated_at = ${now}
    where id = ${id} and (lease_until is null or lease_until < ${now})
    returning *`;
  return row ?? null;
}

/**
 * Extends a lease. Returns `null` when it ran out and another worker took the line. Leases are told apart by the time of their
 * end.
 */
export async function renewLine(sql: SqlOrTx, line: Line, now: Date, until: Date): Promise<Line | null> {
  const [row] = await sql<Line[]>`
    update lines set lease_until = ${until}, next_run_at = ${until}, updated_at = ${now}
    where id = ${line.id} and lease_until = ${line.leaseUntil} returning *`;
  return row ?? null;
}

/** Locks a line that is still leased to the caller. Returns `false` when the lease ran out and another worker took the line. */
export async function lockLeased(sql: SqlOrTx, line: Line): Promise<boolean> {
  const rows = await sql`select 1 from lines where id = ${line.id} and lease_until = ${line.leaseUntil} for no key update`;
  return rows.length > 0;
}

/**
 * Gives the lease back and sets when the line is due again. `nextRunAt` is `null` when chunks carry all its numbers. Returns
 * `null` and changes nothing when another worker has the line.
 */
export async function releaseLine(
  sql: SqlOrTx,
  line: Line,
  next: { at: Date; nextRunAt: Date | null; rung?: number; cursor?: number },
): Promise<Line | null> {
  const [row] = await sql<Line[]>`
    update lines set lease_until = null, next_run_at = ${next.nextRunAt}, updated_at = ${next.at},
      rung = coalesce(${next.rung ?? null}::int, rung), cursor = coalesce(${next.cursor ?? null}::int, cursor)
    where id = ${line.id} and lease_until = ${line.leaseUntil} returning *`;
  return row ?? null;
}

/** Makes the line search again under a new job id, because slots became free or the queue lost its job. */
export async function reopenLine(sql: SqlOrTx, id: string, at: Date): Promise<Line | null> {
  const [row] = await sql<Line[]>`
    update lines set next_run_at = ${at}, requeues = requeues + 1, updated_at = ${at}
    where id = ${id} returning *`;
  return row ?? null;
}

/** Yields every line that was due before `dueBefore`, page by page. Lines of a request that awaits approval are not due. */
export function overdueLines(sql: SqlOrTx, dueBefore: Date, page: number): AsyncGenerator<Line> {
  return byId(
    page,
    (behind, limit) => sql<Line[]>`
      select l.* from lines l join requests r on r.id = l.request_id
      where l.next_run_at < ${dueBefore} and r.status <> 'awaiting_approval' and l.id > ${behind}
      order by l.id limit ${limit}`,
  );
}

/** Returns how many slots of the line have no number yet. */
export async function emptySlots(sql: SqlOrTx, lineId: string): Promise<number> {
  const [row] = await sql<{ n: number }[]>`
    select count(*)::int as n from items
    where line_id = ${lineId} and status = 'pending' and chunk_id is null and phone_number is null`;
  return row?.n ?? 0;
}

/** Returns the numbers of an explicit list that no chunk carries yet, with the time of their last search. */
export async function looseNumbers(sql: SqlOrTx, lineId: string): Promise<{ phoneNumber: string; searchedAt: Date | null }[]> {
  return sql<{ phoneNumber: string; searchedAt: Date | null }[]>`
    select phone_number, searched_at from items
    where line_id = ${lineId} and status = 'pending' and chunk_id is null and phone_number is not null
    order by phone_number`;
}

export interface PricedNumber {
  phoneNumber: string;
  upfrontCost: string;
  monthlyCost: string;
  currency: string;
}

/**
 * Returns those of `numbers` that this line must not try, with the reason: owned by us, held by a request, or lost by this line
 * before.
 */
export async function unusableNumbers(
  sql: SqlOrTx,
  lineId: string,
  requestId: string,
  numbers: string[],
): Promise<Map<string, 'ours' | 'claimed' | 'lost'>> {
  const rows = await sql<{ number: string; why: 'ours' | 'claimed' | 'lost' }[]>`
    select phone_number as number, 'ours' as why from phone_numbers
      where phone_number = any(${numbers}::text[]) and state = 'owned'
    union all
    select phone_number, 'claimed' from claims where phone_number = any(${numbers}::text[]) and request_id <> ${requestId}
    union all
    select phone_number, 'claimed' from items
      where phone_number = any(${numbers}::text[]) and request_id = ${requestId} and status = any(${OPEN_ITEM_STATUSES}::text[])
        and (chunk_id is not null or line_id <> ${lineId} or searched_at is not null)
    union all
    select phone_number, 'lost' from line_losses where phone_number = any(${numbers}::text[]) and line_id = ${lineId}`;
  return new Map(rows.map((r) => [r.number, r.why]));
}

/**
 * Claims the offers and returns those that were claimed just now. The inventory is read again after the claims, because another
 * buy gives back its claims once it has bought, which may happen after the search.
 */
async function claimEach(sql: SqlOrTx, requestId: string, offers: PricedNumber[], at: Date): Promise<PricedNumber[]> {
  const numbers = offers.map((o) => o.phoneNumber);
  const got = await takeClaims(sql, requestId, numbers, at);
  const rows = await sql<{ phoneNumber: string }[]>`
    select phone_number from phone_numbers where phone_number = any(${[...got]}::text[]) and state = 'owned'`;
  const owned = new Set(rows.map((r) => r.phoneNumber));
  await releaseClaims(sql, requestId, [...owned]);
  return offers.filter((o) => got.has(o.phoneNumber) && !owned.has(o.phoneNumber));
}

/** Claims numbers for a line, puts them with their prices into its free slots, and returns the numbers that it claimed. */
export async function fillSlots(
  sql: SqlOrTx,
  line: { id: string; requestId: string },
  offers: PricedNumber[],
  at: Date,
): Promise<string[]> {
  const taken = await claimEach(sql, line.requestId, offers, at);
  const column = (pick: (o: PricedNumber) => string) => taken.map(pick);
  const rows = await sql<{ phoneNumber: string }[]>`
    with offers as (
      select o.*, row_number() over (order by o.ord) as n
      from unnest(${column((o) => o.phoneNumber)}::text[], ${column((o) => o.upfrontCost)}::text[],
        ${column((o) => o.monthlyCost)}::text[], ${column((o) => o.currency)}::text[])
        with ordinality as o(number, upfront, monthly, currency, ord)
    ), slots as (
      select id, row_number() over (order by position) as n from items
      where line_id = ${line.id} and status = 'pending' and phone_number is null
    )
    update items i set phone_number = o.number, upfront_cost = o.upfront::numeric, monthly_cost = o.monthly::numeric,
      currency = o.currency, searched_at = ${at}, charged_at = ${at}, updated_at = ${at}
    from offers o join slots s on s.n = o.n where i.id = s.id
    returning i.phone_number`;
  const filled = new Set(rows.map((r) => r.phoneNumber));
  await releaseClaims(
    sql,
    line.requestId,
    taken.map((o) => o.phoneNumber).filter((n) => !filled.has(n)),
  );
  return taken.map((o) => o.phoneNumber).filter((n) => filled.has(n));
}

/** Does the same for an explicit list. Its numbers are fixed, so only claims and prices are added. */
export async function priceListed(
  sql: SqlOrTx,
  line: { id: string; requestId: string },
  offers: PricedNumber[],
  at: Date,
): Promise<string[]> {
  const taken = await claimEach(sql, line.requestId, offers, at);
  const column = (pick: (o: PricedNumber) => string) => taken.map(pick);
  await sql`
    update items i set upfront_cost = o.upfront::numeric, monthly_cost = o.monthly::numeric, currency = o.currency,
      searched_at = ${at}, charged_at = ${at}, updated_at = ${at}
    from unnest(${column((o) => o.phoneNumber)}::text[], ${column((o) => o.upfrontCost)}::text[],
      ${column((o) => o.monthlyCost)}::text[], ${column((o) => o.currency)}::text[]) as o(number, upfront, monthly, currency)
    where i.line_id = ${line.id} and i.phone_number = o.number and i.status = 'pending'`;
  return taken.map((o) => o.phoneNumber);
}

/** Numbers that a line lost, and until when their price counts against the budget of the request (`null`: not at all). */
export interface Loss {
  numbers: string[];
  heldUntil: Date | null;
}

/** Records a loss for the own line of each number, which does not try it again. Call it before the items lose number and price. */
export async function noteLosses(
  sql: SqlOrTx,
  chunk: { id: string; lineId: string },
  loss: Loss,
  because: Pick<Because, 'cause' | 'at'>,
): Promise<void> {
  await sql`
    insert into line_losses (line_id, phone_number, reason, at, upfront_cost, monthly_cost, held_until)
    select coalesce(i.line_id, ${chunk.lineId}), n, ${because.cause}, ${because.at}, i.upfront_cost, i.monthly_cost, ${loss.heldUntil}
    from unnest(${loss.numbers}::text[]) as n left join items i on i.chunk_id = ${chunk.id} and i.phone_number = n
    on conflict do nothing`;
}

/** The cost of lost numbers that still counts against the budget of a request at `at`, and when the first of it stops counting. */
export interface HeldCost {
  upfront: string;
  monthly: string;
  until: Date | null;
}

export async function heldCost(sql: SqlOrTx, requestId: string, at: Date): Promise<HeldCost> {
  const [row] = await sql<HeldCost[]>`
    select coalesce(sum(x.upfront_cost), 0)::text as upfront, coalesce(sum(x.monthly_cost), 0)::text as monthly, min(x.held_until) as until
    from line_losses x join lines l on l.id = x.line_id
    where l.request_id = ${requestId} and x.held_until > ${at}`;
  return row ?? { upfront: '0', monthly: '0', until: null };
}

/** Returns how many numbers a line lost for this reason. */
export async function countLosses(sql: SqlOrTx, lineId: string, reason: string): Promise<number> {
  const [row] = await sql<{ n: number }[]>`
    select count(*)::int as n from line_losses where line_id = ${lineId} and reason = ${reason}`;
  return row?.n ?? 0;
}

/**
 * Empties the slots of numbers that were proven lost, so that their lines can search for others. Each number gets an event. Returns
 * the ids of these lines.
 */
export async function emptyLostSlots(
  sql: SqlOrTx,
  chunk: { id: string; requestId: string },
  numbers: string[],
  because: Because,
): Promise<string[]> {
  const rows = await sql<{ lineId: string | null }[]>`
    update items set phone_number = null, chunk_id = null, status = 'pending', upfront_cost = null, monthly_cost = null,
      currency = null, searched_at = null, charged_at = null, updated_at = ${because.at}
    where chunk_id = ${chunk.id} and phone_number = any(${numbers}::text[]) and status = any(${OPEN_ITEM_STATUSES}::text[])
    returning line_id`;
  await releaseClaims(sql, chunk.requestId, numbers);
  await insertNumberEvents(sql, numbers, because, { from: 'claimed', to: 'lost' });
  return [...new Set(rows.flatMap((r) => r.lineId ?? []))].sort();
}

/**
 * Fails what a line still owes: its empty slots, or the slots of `numbers` that no chunk carries. Call it while holding the
 * request lock.
 */
export async function failUnclaimed(
  sql: SqlOrTx,
  line: { id: string; requestId: string },
  why: { code: ReasonCode; reason: string; numbers?: string[]; at: Date },
): Promise<number> {
  const only = why.numbers ?? null;
  const rows = await sql<{ phoneNumber: string | null }[]>`
    update items set status = 'failed', reason_code = ${why.code}, reason = ${why.reason}, updated_at = ${why.at}
    where line_id = ${line.id} and status = 'pending' and chunk_id is null
      and (${only}::text[] is null or (phone_number = any(${only}::text[]) and searched_at is null))
    returning phone_number`;
  await releaseClaims(
    sql,
    line.requestId,
    rows.flatMap((r) => r.phoneNumber ?? []),
  );
  return rows.length;
}
