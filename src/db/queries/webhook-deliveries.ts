import { and, desc, eq, lt } from 'drizzle-orm';
import type { DeliveryStatus } from '../../domain/outgoing.ts';
import type { Reads } from '../client.ts';
import { webhookDeliveries, webhookMessages } from '../schema/index.ts';

export type DeliveryRow = typeof webhookDeliveries.$inferSelect & Pick<typeof webhookMessages.$inferSelect, 'type' | 'at'>;

/** Returns a page of deliveries, newest first. `before` is the id of the last one of the page before. */
export async function listDeliveries(
  reads: Reads,
  filter: { status?: DeliveryStatus | undefined },
  limit: number,
  before: number | null,
): Promise<DeliveryRow[]> {
  const wanted = and(
    filter.status === undefined ? undefined : eq(webhookDeliveries.status, filter.status),
    before === null ? undefined : lt(webhookDeliveries.id, before),
  );
  const rows = await reads((q) =>
    q
      .select({ delivery: webhookDeliveries, type: webhookMessages.type, at: webhookMessages.at })
      .from(webhookDeliveries)
      .innerJoin(webhookMessages, eq(webhookMessages.id, webhookDeliveries.messageId))
      .where(wanted)
      .orderBy(desc(webhookDeliveries.id))
      .limit(limit),
  );
  return rows.map(({ delivery, type, at }) => ({ ...delivery, type, at }));
}
