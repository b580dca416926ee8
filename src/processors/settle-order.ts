import type { Chunk } from '../db/chunks.ts';
import type { Tx } from '../db/client.ts';
import { type ItemEnd, markBought } from '../db/items.ts';
import { getLine } from '../db/lines.ts';
import { enterBought } from '../db/numbers.ts';
import { getRequest } from '../db/requests.ts';
import type { ChunkCause } from '../domain/chunk.ts';
import type { WorkDeps } from '../reconcile/deps.ts';
import { settleChunk } from './settle.ts';

export interface OrderResult {
  cause: ChunkCause;
  bought: { phoneNumber: string; telnyxId: string | null }[];
  /** Proven not ours and gone. */
  lost: string[];
  orderStatus: string;
}

/** Writes down what an order brought: inventory rows with price, ended items, free slots for what was lost. */
export async function settleOrder(deps: WorkDeps, chunk: Chunk, result: OrderResult): Promise<boolean> {
  const at = deps.clock.now();
  const because = { cause: 'bought', at, requestId: chunk.requestId, chunkId: chunk.id };
  const attached = chunk.step.kind === 'order' ? chunk.step.settings : {};
  const succeeded = result.bought.map((n) => ({
    phoneNumber: n.phoneNumber,
    ...(n.telnyxId !== null && { telnyxId: n.telnyxId }),
  }));
  const { ended, lost } = await whatBecomesOfLost(deps, chunk, result);
  return settleChunk(deps, chunk, {
    cause: result.cause,
    succeeded,
    ended,
    lost: { numbers: lost, cause: 'taken_by_others' },
    detail: { bought: result.bought.length, lost: result.lost.length, order_status: result.orderStatus },
    inventory: async (tx: Tx) => {
      await markBought(tx, chunk.id, succeeded, at);
      await enterBought(
        tx,
        chunk,
        result.bought.map((n) => ({ ...n, status: 'active' })),
        {
          ...(attached.connection_id !== undefined && { connectionId: attached.connection_id }),
          ...(attached.messaging_profile_id !== undefined && { messagingProfileId: attached.messaging_profile_id }),
          ...(attached.billing_group_id !== undefined && { billingGroupId: attached.billing_group_id }),
        },
        because,
      );
    },
  });
}

/**
 * A lost number is replaced by a search, unless that would be wrong: the user listed it, cancelled the request, or the order
 * fell over its paperwork (others of the same kind would too).
 */
async function whatBecomesOfLost(
  deps: WorkDeps,
  chunk: Chunk,
  result: OrderResult,
): Promise<{ ended: ItemEnd[]; lost: string[] }> {
  const end = (status: 'failed' | 'cancelled', reasonCode: string, reason: string): { ended: ItemEnd[]; lost: string[] } => ({
    ended: result.lost.map((phoneNumber) => ({ phoneNumber, status, reasonCode, reason })),
    lost: [],
  });
  if (result.lost.length === 0) return { ended: [], lost: [] };
  const request = await getRequest(deps.db.sql, chunk.requestId);
  if (request?.cancelRequestedAt != null) return end('cancelled', 'cancelled', 'the order was cancelled at Telnyx');
  if (chunk.waiting)
    return end('failed', 'requirements_not_met', `the order ended as ${result.orderStatus} while its requirements were not met`);
  const line = chunk.lineId === null ? null : await getLine(deps.db.sql, chunk.lineId);
  if (line === null || line.criteria.kind === 'list') {
    return end('failed', 'number_unavailable', 'Telnyx could not deliver this number');
  }
  return { ended: [], lost: result.lost };
}
