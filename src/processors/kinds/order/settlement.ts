import type { WorkDeps } from '../../../account/deps.ts';
import type { Tx } from '../../../db/client.ts';
import { type ItemEnd, markBought, reprice } from '../../../db/items.ts';
import { enterBought } from '../../../db/numbers.ts';
import { getRequest } from '../../../db/requests.ts';
import type { ChunkCause } from '../../../domain/chunk.ts';
import { after } from '../../../domain/clock.ts';
import type { ReasonCode } from '../../../domain/codes.ts';
import { countryOfNumber } from '../../../producers/intake/validate.ts';
import type { Again, Settlement } from '../../chunk/settle.ts';
import { lossOf, searchOf } from '../../lines/losses.ts';
import type { OrderChunk } from './owned.ts';

export interface OrderResult {
  cause: ChunkCause;
  bought: { phoneNumber: string; telnyxId: string | null }[];
  /** Proven not ours and gone. */
  lost: string[];
  orderStatus: string;
  /** Numbers that are neither, and go out again in new orders. */
  again?: Again[];
  /** Prices of a fresh search for numbers that go out again. */
  priced?: Parameters<typeof reprice>[2];
  /** Until then the price of what is lost counts against the budget. */
  heldUntil?: Date;
  /** The numbers whose paperwork was never approved, in an order that failed for it. Other numbers of the same kind would fail too. */
  unmet?: ReadonlySet<string>;
}

/** What an order brought, to be written down: inventory rows with price, ended items, free slots for lost numbers. */
export async function orderSettlement(deps: WorkDeps, chunk: OrderChunk, result: OrderResult): Promise<Settlement> {
  const at = deps.clock.now();
  const because = { cause: 'bought', at, requestId: chunk.requestId, chunkId: chunk.id };
  const attached = chunk.step.settings;
  const succeeded = result.bought.map((n) => ({
    phoneNumber: n.phoneNumber,
    ...(n.telnyxId !== null && { telnyxId: n.telnyxId }),
  }));
  const searched = await searchOf(deps, chunk);
  return {
    cause: result.cause,
    succeeded,
    ...(await endsOfLost(deps, chunk, result)),
    ...(result.again !== undefined && { again: result.again }),
    ...(result.cause === 'part_finished' && { patch: { nextRunAt: after(at, deps.timings.pollMinMs) } }),
    detail: {
      bought: result.bought.length,
      lost: result.lost.length,
      order_status: result.orderStatus,
      ...(result.again !== undefined && { again: result.again.map((part) => part.numbers.length) }),
    },
    inventory: async (tx: Tx) => {
      // The prices are noted before the items are handed on, or the new orders would find their search old again.
      if (result.priced !== undefined) await reprice(tx, chunk.id, result.priced, at);
      await markBought(tx, chunk.id, succeeded, at);
      await enterBought(
        tx,
        chunk,
        result.bought.map((n) => ({
          ...n,
          status: 'active',
          countryCode: searched?.country_code ?? countryOfNumber(n.phoneNumber),
          phoneNumberType: searched?.phone_number_type ?? null,
        })),
        {
          ...(attached.connection_id !== undefined && { connectionId: attached.connection_id }),
          ...(attached.messaging_profile_id !== undefined && { messagingProfileId: attached.messaging_profile_id }),
          ...(attached.billing_group_id !== undefined && { billingGroupId: attached.billing_group_id }),
        },
        because,
      );
    },
  };
}

/**
 * A search replaces a lost number, unless that would be wrong: the user listed the number or cancelled the request, or the order
 * failed for its paperwork (other numbers of the same kind would fail too).
 */
async function endsOfLost(deps: WorkDeps, chunk: OrderChunk, result: OrderResult): Promise<Pick<Settlement, 'ended' | 'lost'>> {
  const end = (numbers: string[], status: 'failed' | 'cancelled', reasonCode: ReasonCode, reason: string) =>
    numbers.map((phoneNumber): ItemEnd => ({ phoneNumber, status, reasonCode, reason }));
  if (result.lost.length === 0) return { ended: [] };
  const request = await getRequest(deps.db.sql, chunk.requestId);
  if (request?.cancelRequestedAt != null)
    return { ended: end(result.lost, 'cancelled', 'cancelled', 'the order was cancelled at Telnyx') };
  const [unmet, gone] = [result.lost.filter((n) => result.unmet?.has(n)), result.lost.filter((n) => !result.unmet?.has(n))];
  const why = `the order ended as ${result.orderStatus} while its requirements were not met`;
  const unmetEnds = end(unmet, 'failed', 'requirements_not_met', why);
  if (gone.length === 0) return { ended: unmetEnds };
  const reason = 'Telnyx no longer has this number: it was sold to somebody else or withdrawn';
  const { heldUntil } = result;
  const loss = await lossOf(
    deps,
    chunk,
    gone,
    { code: 'number_unavailable', reason },
    heldUntil === undefined ? {} : { heldUntil },
  );
  return { ...loss, ended: [...unmetEnds, ...loss.ended] };
}
