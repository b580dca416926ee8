import { FINAL_STATES } from '../domain/chunk.ts';
import type { ReasonCode } from '../domain/codes.ts';
import { HELD_ITEM_STATUSES, type ItemCounts, type ItemStatus, NO_ITEMS, OPEN_ITEM_STATUSES } from '../domain/request.ts';
import type { SqlOrTx } from './client.ts';
import type { items } from './schema/index.ts';

export type Item = typeof items.$inferSelect;

/** Adds `quantity` empty slots, which searches fill later. */
export async function insertSlots(
  sql: SqlOrTx,
  to: { requestId: string; lineId: string; from: number; quantity: number; at: Date },
): Promise<void> {
  await sql`
    insert into items (request_id, line_id, position, status, updated_at)
    select ${to.requestId}, ${to.lineId}, ${to.from} + n - 1, 'pending', ${to.at}
    from generate_series(1, ${to.quantity}::int) as n`;
}

/** Counts the items of a request by status. */
export async function countItems(sql: SqlOrTx, requestId: string): Promise<ItemCounts> {
  const rows = await sql<{ status: ItemStatus; n: number }[]>`
    select status, count(*)::int as n from items where request_id = ${requestId} group by status`;
  const counts = { ...NO_ITEMS };
  for (const row of rows) counts[row.status] = row.n;
  return counts;
}

export interface Costs {
  upfront: string;
  monthly: string;
  currency: string | null;
}

/** Returns the cost of every number that the request holds, bought or about to be bought. Budgets are checked against it. */
export async function committedCost(sql: SqlOrTx, requestId: string): Promise<Costs> {
  const [row] = await sql<Costs[]>`
    select coalesce(sum(upfront_cost), 0)::text as upfront, coalesce(sum(monthly_cost), 0)::text as monthly,
      max(currency) as currency
    from items
    where request_id = ${requestId} and phone_number is not null
      and (bought_at is not null or status = any(${HELD_ITEM_STATUSES}::text[]))`;
  return row ?? { upfront: '0', monthly: '0', currency: null };
}

/** Returns what the numbers of an order chunk cost together. */
export async function costOfChunk(sql: SqlOrTx, chunkId: string): Promise<Costs> {
  const [row] = await sql<Costs[]>`
    select coalesce(sum(upfront_cost), 0)::text as upfront, coalesce(sum(monthly_cost), 0)::text as monthly,
      max(currency) as currency
    from items where chunk_id = ${chunkId}`;
  return row ?? { upfront: '0', monthly: '0', currency: null };
}

export interface ItemEnd {
  phoneNumber: string;
  status: Extract<ItemStatus, 'succeeded' | 'failed' | 'cancelled' | 'skipped'>;
  reasonCode?: ReasonCode;
  reason?: string;
  telnyxId?: string;
}

/** Ends items of a chunk and deletes their claims. Only open items end, because an end never changes. */
export async function endItems(sql: SqlOrTx, chunk: { id: string; requestId: string }, ends: ItemEnd[], at: Date): Promise<void> {
  if (ends.length === 0) return;
  const column = (pick: (e: ItemEnd) => string | undefined) => ends.map((e) => pick(e) ?? null);
  await sql`
    with ended as (
      update items i set status = e.status, reason_code = e.reason_code, reason = e.reason,
        telnyx_id = coalesce(e.telnyx_id, i.telnyx_id), updated_at = ${at}
      from unnest(${column((e) => e.phoneNumber)}::text[], ${column((e) => e.status)}::text[],
        ${column((e) => e.reasonCode)}::text[], ${column((e) => e.reason)}::text[], ${column((e) => e.telnyxId)}::text[])
        as e(phone_number, status, reason_code, reason, telnyx_id)
      where i.chunk_id = ${chunk.id} and i.phone_number = e.phone_number and i.status = any(${OPEN_ITEM_STATUSES}::text[])
    )
    delete from claims where request_id = ${chunk.requestId} and phone_number = any(${column((e) => e.phoneNumber)}::text[])`;
}

/** Moves open items from one chunk to another. */
export async function handOver(sql: SqlOrTx, from: string, to: string, numbers: string[], at: Date): Promise<void> {
  await sql`
    update items set chunk_id = ${to}, updated_at = ${at}
    where chunk_id = ${from} and phone_number = any(${numbers}::text[]) and status = any(${OPEN_ITEM_STATUSES}::text[])`;
}

/** Records which numbers of an order chunk were delivered, with their number ids. */
export async function markBought(
  sql: SqlOrTx,
  chunkId: string,
  numbers: { phoneNumber: string; telnyxId?: string }[],
  at: Date,
): Promise<void> {
  await sql`
    update items i set bought_at = coalesce(i.bought_at, ${at}), telnyx_id = coalesce(n.telnyx_id, i.telnyx_id), updated_at = ${at}
    from unnest(${numbers.map((n) => n.phoneNumber)}::text[], ${numbers.map((n) => n.telnyxId ?? null)}::text[]) as n(phone_number, telnyx_id)
    where i.chunk_id = ${chunkId} and i.phone_number = n.phone_number`;
}

/** Writes the prices of a new search to the items of a chunk. */
export async function reprice(
  sql: SqlOrTx,
  chunkId: string,
  offers: { phoneNumber: string; upfrontCost: string; monthlyCost: string }[],
  at: Date,
): Promise<void> {
  const column = (pick: (o: (typeof offers)[number]) => string) => offers.map(pick);
  await sql`
    update items i set upfront_cost = o.upfront::numeric, monthly_cost = o.monthly::numeric, searched_at = ${at}, updated_at = ${at}
    from unnest(${column((o) => o.phoneNumber)}::text[], ${column((o) => o.upfrontCost)}::text[], ${column((o) => o.monthlyCost)}::text[])
      as o(number, upfront, monthly)
    where i.chunk_id = ${chunkId} and i.phone_number = o.number and i.status = any(${OPEN_ITEM_STATUSES}::text[])`;
}

/** Returns the open items of a chunk. */
export async function openItemsOfChunk(sql: SqlOrTx, chunkId: string): Promise<Item[]> {
  return sql<Item[]>`
    select * from items where chunk_id = ${chunkId} and status = any(${OPEN_ITEM_STATUSES}::text[]) order by phone_number`;
}

/**
 * Claims the numbers that nobody holds, including this request, and returns those that it claimed. Rows are inserted in sorted
 * order, so that two requests cannot deadlock. The primary key gives each number to one of them only.
 */
export async function takeClaims(sql: SqlOrTx, requestId: string, numbers: string[], at: Date): Promise<Set<string>> {
  const rows = await sql<{ phoneNumber: string }[]>`
    insert into claims (phone_number, request_id, claimed_at)
    select n, ${requestId}, ${at} from unnest(${numbers}::text[]) as n order by n
    on conflict do nothing returning phone_number`;
  return new Set(rows.map((r) => r.phoneNumber));
}

/** Deletes this request's claims on the numbers. */
export async function releaseClaims(sql: SqlOrTx, requestId: string, numbers: string[]): Promise<void> {
  await sql`delete from claims where request_id = ${requestId} and phone_number = any(${numbers}::text[])`;
}

/** Cancels the items of a request that were not sent. Returns how many. */
export async function cancelPending(sql: SqlOrTx, requestId: string, at: Date): Promise<number> {
  // Items of an open chunk are left alone, because Telnyx's answer decides their end.
  const rows = await sql<{ phoneNumber: string | null }[]>`
    update items i set status = 'cancelled', reason_code = ${'cancelled' satisfies ReasonCode}, reason = 'the request was cancelled before this number was sent',
      updated_at = ${at}
    where i.request_id = ${requestId} and i.status = 'pending'
      and not exists (select 1 from chunks c where c.id = i.chunk_id and c.state <> all(${FINAL_STATES}::text[]))
    returning i.phone_number`;
  await releaseClaims(
    sql,
    requestId,
    rows.flatMap((r) => r.phoneNumber ?? []),
  );
  return rows.length;
}
