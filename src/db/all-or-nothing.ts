import { OPEN_ITEM_STATUSES } from '../domain/request.ts';
import { chunksOfRequest, moveChunk } from './chunks.ts';
import type { SqlOrTx } from './client.ts';
import { insertEvent } from './events.ts';
import type { Request } from './requests.ts';

/** A buy that orders nothing before every number is claimed. The caller has locked the request. */
type Whole = Pick<Request, 'id' | 'allOrNothing' | 'allClaimedAt'>;

/** True while the buy may order nothing, because numbers are missing. */
export const isClaiming = (r: Whole): boolean => r.allOrNothing && r.allClaimedAt === null;

/** Notes that the buy has claimed every number, when it has, with an event. Returns true when its orders may leave from now on. */
export async function noteAllClaimed(sql: SqlOrTx, request: Whole, at: Date): Promise<boolean> {
  if (!isClaiming(request)) return false;
  const rows = await sql`
    update requests r set all_claimed_at = ${at}, updated_at = ${at}
    where r.id = ${request.id} and not exists (${lacking(sql, request.id)}) returning 1`;
  if (rows.length === 0) return false;
  const { id } = request;
  await insertEvent(sql, { subject: 'request', subjectId: id, requestId: id, cause: 'all_claimed', at });
  return true;
}

/**
 * Ends a buy that cannot have every number: its orders are cancelled, every open number fails with the reason, and its claims end.
 * Nothing was ordered before, so nothing is undone.
 */
export async function letAllGo(sql: SqlOrTx, request: Whole, reason: string, at: Date): Promise<void> {
  for (const chunk of await chunksOfRequest(sql, request.id))
    if (chunk.state === 'planned') await moveChunk(sql, chunk, { cause: 'cancel', at, detail: { reason } });
  await sql`
    update items set status = 'failed', reason_code = 'all_or_nothing', reason = ${reason}, updated_at = ${at}
    where request_id = ${request.id} and status = any(${OPEN_ITEM_STATUSES}::text[])`;
  await sql`delete from claims where request_id = ${request.id}`;
}

/**
 * After an order was settled that never left: what it lost is claimed again before anything is ordered, and a listed number that cannot
 * be had ends the buy. Once an order has left, what is lost is only topped up. The caller has locked the request.
 */
export async function keepWhole(sql: SqlOrTx, request: Whole, at: Date): Promise<void> {
  if (!request.allOrNothing) return;
  const [row] = await sql<{ sent: boolean; lacking: boolean; failed: string | null }[]>`
    select exists (select 1 from chunks where request_id = ${request.id} and submitting_at is not null) as sent,
      exists (${lacking(sql, request.id)}) as lacking,
      (select coalesce(reason, reason_code) from items where request_id = ${request.id} and status = 'failed' limit 1) as failed`;
  if (row === undefined || row.sent) return;
  if (row.failed !== null) await letAllGo(sql, request, `nothing was ordered: ${row.failed}`, at);
  else if (row.lacking) await sql`update requests set all_claimed_at = null where id = ${request.id}`;
}

/** The items that are not claimed yet. */
const lacking = (sql: SqlOrTx, requestId: string) => sql`
  select 1 from items i
  where i.request_id = ${requestId} and i.status = 'pending' and (i.phone_number is null or i.searched_at is null)`;
