import type { Db } from '../../db/client.ts';
import { type DeliveryRow, listDeliveries } from '../../db/queries/webhook-deliveries.ts';
import type { DeliveryStatus } from '../../domain/outgoing.ts';
import type { Page } from './read.ts';

/** A delivery of a webhook as users see it. */
export function deliveryView(d: DeliveryRow) {
  return {
    id: String(d.id),
    webhook_id: d.messageId,
    type: d.type,
    timestamp: d.at.toISOString(),
    url: d.url,
    status: d.status,
    attempts: d.attempts,
    next_attempt_at: d.status === 'pending' ? d.nextAt.toISOString() : null,
    ended_at: d.endedAt?.toISOString() ?? null,
    last_status: d.lastStatus,
    last_error: d.lastError,
  };
}
export type DeliveryView = ReturnType<typeof deliveryView>;

/** One page of deliveries, newest first. */
export async function readDeliveries(
  db: Db,
  { limit, cursor, status }: { limit: number; cursor?: string; status?: DeliveryStatus },
): Promise<Page<DeliveryView>> {
  const rows = await listDeliveries(db.reads, { status }, limit + 1, cursor === undefined ? null : Number(cursor));
  const shown = rows.slice(0, limit);
  return { data: shown.map(deliveryView), nextCursor: rows.length > limit ? String(shown.at(-1)?.id) : null };
}
