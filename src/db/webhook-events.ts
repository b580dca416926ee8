import type { SqlOrTx } from './client.ts';
import type { webhookEvents } from './schema/index.ts';

export type WebhookEvent = typeof webhookEvents.$inferSelect;

/** Stores an event once by its id. Returns `false` when it was stored before. */
export async function insertWebhookEvent(
  sql: SqlOrTx,
  e: {
    id: string;
    eventType: string;
    orderId: string | null;
    customerReference: string | null;
    occurredAt: Date | null;
    receivedAt: Date;
  },
): Promise<boolean> {
  const rows = await sql`
    insert into webhook_events (id, event_type, order_id, customer_reference, occurred_at, received_at)
    values (${e.id}, ${e.eventType}, ${e.orderId}, ${e.customerReference}, ${e.occurredAt}, ${e.receivedAt})
    on conflict (id) do nothing returning id`;
  return rows.length > 0;
}

/** Returns a stored event, or `null`. */
export async function getWebhookEvent(sql: SqlOrTx, id: string): Promise<WebhookEvent | null> {
  const [row] = await sql<WebhookEvent[]>`select * from webhook_events where id = ${id}`;
  return row ?? null;
}

/** Records that a stored event was applied, and with what outcome. */
export async function markApplied(sql: SqlOrTx, id: string, outcome: string, at: Date): Promise<void> {
  await sql`update webhook_events set applied_at = ${at}, outcome = ${outcome} where id = ${id}`;
}

/** Removes events received before `before`. Returns how many. */
export async function pruneWebhookEvents(sql: SqlOrTx, before: Date): Promise<number> {
  const rows = await sql`delete from webhook_events where received_at < ${before} returning id`;
  return rows.length;
}
