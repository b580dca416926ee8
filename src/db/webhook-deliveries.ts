import type { OutgoingEvent } from '../domain/outgoing.ts';
import type { Sql } from './client.ts';
import { newLeaseToken } from './ids.ts';

/** A delivery that one worker has leased, with its message. */
export interface LeasedDelivery {
  id: number;
  leaseToken: string;
  attempts: number;
  holdsUntil: Date | null;
  createdAt: Date;
  messageId: string;
  type: OutgoingEvent;
  at: Date;
  data: Record<string, unknown>;
}

/**
 * Leases the next delivery of an address until `until`; `null` when none is due. Compare-and-set: of two workers one gets it, and
 * nobody else while the lease lasts. The oldest open delivery comes first, and later ones wait for it until its `holds_until`. One
 * that holds no longer is tried when it is due.
 */
export async function leaseDelivery(sql: Sql, endpoint: string, now: Date, until: Date): Promise<LeasedDelivery | null> {
  const [row] = await sql<LeasedDelivery[]>`
    with first as (
      select min(id) as id from webhook_deliveries
      where endpoint = ${endpoint} and status = 'pending' and (holds_until is null or holds_until > ${now})
    ), next as (
      select d.id from webhook_deliveries d cross join first f
      where d.endpoint = ${endpoint} and d.status = 'pending' and d.next_at <= ${now} and (d.id = f.id or d.holds_until <= ${now})
        and (d.lease_until is null or d.lease_until < ${now})
      order by d.id limit 1 for update of d skip locked
    ), leased as (
      update webhook_deliveries d set lease_token = ${newLeaseToken()}, lease_until = ${until}, attempts = d.attempts + 1
      from next n where d.id = n.id returning d.*
    )
    select l.id, l.lease_token, l.attempts, l.holds_until, l.created_at, m.id as message_id, m.type, m.at, m.data
    from leased l join webhook_messages m on m.id = l.message_id`;
  return row ?? null;
}

/** How one attempt ended. */
export interface Attempt {
  status: number | null;
  error: string | null;
}

type Leased = Pick<LeasedDelivery, 'id' | 'leaseToken'>;

/** Ends a delivery. Returns `false` when another worker has leased it meanwhile; nothing has changed then. */
export async function endDelivery(
  sql: Sql,
  leased: Leased,
  end: Attempt & { as: 'delivered' | 'failed'; at: Date },
): Promise<boolean> {
  const { count } = await sql`
    update webhook_deliveries set status = ${end.as}, last_status = ${end.status}, last_error = ${end.error}, ended_at = ${end.at},
      lease_token = null, lease_until = null
    where id = ${leased.id} and lease_token = ${leased.leaseToken} and status = 'pending'`;
  return count > 0;
}

/** Puts a delivery off until `nextAt`. Returns `false` when another worker has leased it meanwhile. */
export async function putOffDelivery(
  sql: Sql,
  leased: Leased,
  off: Attempt & { nextAt: Date; holdsUntil: Date },
): Promise<boolean> {
  const { count } = await sql`
    update webhook_deliveries set next_at = ${off.nextAt}, holds_until = coalesce(holds_until, ${off.holdsUntil}),
      last_status = ${off.status}, last_error = ${off.error}, lease_token = null, lease_until = null
    where id = ${leased.id} and lease_token = ${leased.leaseToken} and status = 'pending'`;
  return count > 0;
}

/** Gives back a delivery whose attempt was cut off by the stop of this process. The attempt does not count. */
export async function giveBackDelivery(sql: Sql, leased: Leased): Promise<void> {
  await sql`
    update webhook_deliveries set attempts = attempts - 1, lease_token = null, lease_until = null
    where id = ${leased.id} and lease_token = ${leased.leaseToken} and status = 'pending'`;
}

/** Gives up deliveries to addresses that no worker has any more. Returns how many. */
export async function giveUpForgotten(sql: Sql, endpoints: readonly string[], before: Date, at: Date): Promise<number> {
  const { count } = await sql`
    update webhook_deliveries set status = 'failed', ended_at = ${at}, last_error = 'the address is not configured any more'
    where status = 'pending' and created_at < ${before} and endpoint <> all(${[...endpoints]}::text[])`;
  return count;
}
