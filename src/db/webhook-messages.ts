import { formatMoney, moneyOf } from '../domain/money.ts';
import type { OutgoingEvent } from '../domain/outgoing.ts';
import { hasEnded } from '../domain/request.ts';
import type { SqlOrTx, Tx } from './client.ts';
import { newMessageId } from './ids.ts';
import { committedCost, countItems } from './items.ts';
import type { requests } from './schema/index.ts';

type Request = typeof requests.$inferSelect;

/** Stores a message for the webhooks of users. Call it in the transaction of the move that it tells of. */
export async function tellUsers(sql: SqlOrTx, type: OutgoingEvent, data: Record<string, unknown>, at: Date): Promise<void> {
  await sql`
    insert into webhook_messages (id, type, at, data)
    values (${newMessageId()}, ${type}, ${at}, ${JSON.stringify(data)}::text::jsonb)`;
}

/** Tells users of the new status of a request, where they are told of it. Call it in the transaction that changed the status. */
export async function tellOfRequest(sql: SqlOrTx, request: Request, at: Date): Promise<void> {
  const type = eventOf(request);
  if (type === null) return;
  const cost = await committedCost(sql, request.id);
  const data = {
    id: request.id,
    kind: request.kind,
    status: request.status,
    label: request.label,
    submitted_by: request.submittedBy,
    filed_by: request.filedBy,
    created_at: request.createdAt.toISOString(),
    finished_at: request.finishedAt?.toISOString() ?? null,
    counts: { asked: request.asked, ...(await countItems(sql, request.id)) },
    cost: {
      upfront: formatMoney(moneyOf(cost.upfront)),
      monthly: formatMoney(moneyOf(cost.monthly)),
      currency: cost.currency ?? 'USD',
    },
  };
  await tellUsers(sql, type, data, at);
}

function eventOf({ status }: Request): OutgoingEvent | null {
  if (hasEnded(status)) return 'request.ended';
  if (status === 'needs_attention') return 'request.needs_attention';
  return status === 'awaiting_approval' ? 'request.awaiting_approval' : null;
}

/** The value is arbitrary, but every process must use the same one. */
const ADDRESS_LOCK = 7_105_020_014;
/** Messages that are addressed in one transaction. */
const AT_ONCE = 500;

/** An address of a user: its key, and how people may see it. */
export interface Endpoint {
  key: string;
  shown: string;
}

/**
 * Makes the deliveries of new messages, one for each address, in the order of the messages. Messages from before `oldest` get none.
 * One process does it at a time, because ids of deliveries are their order. Returns how many messages it took.
 */
export async function addressMessages(tx: Tx, to: readonly Endpoint[], now: Date, oldest: Date): Promise<number> {
  const [lock] = await tx<{ got: boolean }[]>`select pg_try_advisory_xact_lock(${ADDRESS_LOCK}) as got`;
  if (lock?.got !== true) return 0;
  const [row] = await tx<{ n: number }[]>`
    with taken as (
      update webhook_messages set addressed_at = ${now}
      where id in (select id from webhook_messages where addressed_at is null order by seq limit ${AT_ONCE}) returning id, seq, at
    ), made as (
      insert into webhook_deliveries (message_id, endpoint, url, next_at, created_at)
      select t.id, e.key, e.shown, ${now}, ${now}
      from taken t cross join unnest(${to.map((e) => e.key)}::text[], ${to.map((e) => e.shown)}::text[]) e(key, shown)
      where t.at >= ${oldest} order by t.seq
      on conflict (message_id, endpoint) do nothing
    )
    select count(*)::int as n from taken`;
  return row?.n ?? 0;
}

/** Removes messages from before `before`, with their deliveries. Returns how many. */
export async function pruneMessages(sql: SqlOrTx, before: Date): Promise<number> {
  await sql`delete from webhook_deliveries where message_id in (select id from webhook_messages where at < ${before})`;
  const { count } = await sql`delete from webhook_messages where at < ${before}`;
  return count;
}
