import { CANARY_POSITION } from '../domain/hold.ts';
import { type ItemStatus, OPEN_ITEM_STATUSES } from '../domain/request.ts';
import type { Step } from '../domain/step.ts';
import type { SqlOrTx } from './client.ts';
import { insertEvent } from './events.ts';
import type { Request } from './requests.ts';

/** An item that a buy has begun: it was claimed, or has ended. A slot that no search has filled is not begun. */
const isBegun = (sql: SqlOrTx) => sql`(i.status <> 'pending' or i.chunk_id is not null or i.searched_at is not null)`;

/** How many numbers a buy may still claim before its canary is judged. */
export async function canaryRoom(sql: SqlOrTx, request: Pick<Request, 'id' | 'canary'>): Promise<number> {
  const [row] = await sql<{ n: number }[]>`
    select count(*)::int as n from items i where i.request_id = ${request.id} and ${isBegun(sql)}`;
  return (request.canary ?? 0) - (row?.n ?? 0);
}

/** Open requests whose canary has ended and is not judged yet: each of its numbers has an end. */
export async function endedCanaries(sql: SqlOrTx, now: Date): Promise<Request[]> {
  const open = sql`i.status = any(${OPEN_ITEM_STATUSES}::text[])`;
  return sql<Request[]>`
    select r.* from requests r
    where r.finished_at is null and r.canary is not null and r.canary_passed_at is null and r.paused_at is null
      and r.cancel_requested_at is null and r.status <> 'awaiting_approval' and coalesce(r.start_at, ${now}) <= ${now}
      and case when r.kind = 'buy'
        then not exists (select 1 from items i where i.request_id = r.id and ${open} and ${isBegun(sql)})
          and (select count(*) from items i where i.request_id = r.id and ${isBegun(sql)}) >= r.canary
        else not exists (
          select 1 from chunks c join items i on i.chunk_id = c.id
          where c.request_id = r.id and c.position = ${CANARY_POSITION} and ${open})
        end
    order by r.seq`;
}

/** A number of a canary: how it ended, and the steps that its chunks carried. */
export interface CanaryNumber {
  phoneNumber: string | null;
  status: ItemStatus;
  reason: string | null;
  endedAt: Date;
  steps: Step[];
}

/** The numbers of a canary that has ended. A slot that no number could be found for has none. */
export async function canaryNumbers(sql: SqlOrTx, request: Pick<Request, 'id' | 'kind'>): Promise<CanaryNumber[]> {
  const ofCanary =
    request.kind === 'buy'
      ? sql`i.status <> 'pending'`
      : sql`i.chunk_id in (select id from chunks where request_id = ${request.id} and position = ${CANARY_POSITION})`;
  return sql<CanaryNumber[]>`
    select i.phone_number, i.status, coalesce(i.reason, i.reason_code) as reason, i.updated_at as ended_at, coalesce((
        select jsonb_agg(c.step) from chunks c where c.request_id = ${request.id} and i.phone_number = any(c.numbers)
      ), '[]'::jsonb) as steps
    from items i where i.request_id = ${request.id} and ${ofCanary} order by i.position`;
}

/** Notes that the canary of a request is right, with an event. The caller has locked the request. */
export async function passCanary(sql: SqlOrTx, request: Request, at: Date): Promise<void> {
  await sql`update requests set canary_passed_at = ${at}, updated_at = ${at} where id = ${request.id}`;
  await insertEvent(sql, {
    subject: 'request',
    subjectId: request.id,
    requestId: request.id,
    from: request.status,
    cause: 'canary_passed',
    at,
    detail: { numbers: request.canary },
  });
}
