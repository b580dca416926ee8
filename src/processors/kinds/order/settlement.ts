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
import { lossOf, searchOfChunk } from '../../lines/losses.ts';
import type { OrderChunk } from './owned.ts';

/** What became of the numbers of an order. */
export interface OrderResult {
  cause: ChunkCause;
  bought: { phoneNumber: string; telnyxId: string | null }[];
  /** Numbers that are proven not ours and cannot be had any more. */
  lost: string[];
  orderStatus: string;
  /** When the check of ownership began that showed all bought numbers; left out when it did not show all. */
  ownedAt?: Date;
  /** Numbers that are neither bought nor lost. They go out again in new orders. */
  again?: Again[];
  /** New prices, from a fresh search, of numbers that go out again. */
  priced?: Parameters<typeof reprice>[2];
  /** Until this moment the price of lost numbers counts against the budget. */
  heldUntil?: Date;
  /**
   * Numbers that were lost because Telnyx never approved their paperwork. Other numbers of the same kind would fail too, so these
   * are not replaced.
   */
  unmet?: ReadonlySet<string>;
}

/** Builds the settlement of an order: inventory rows with their prices, the end of each item, and free slots for lost numbers. */
export async function orderSettlement(deps: WorkDeps, chunk: OrderChunk, result: OrderResult): Promise<Settlement> {
  const at = deps.clock.now();
  const because = { cause: 'bought', at, requestId: chunk.requestId, chunkId: chunk.id };
  const attached = chunk.step.settings;
  const succeeded = result.bought.map((n) => ({
    phoneNumber: n.phoneNumber,
    ...(n.telnyxId !== null && { telnyxId: n.telnyxId }),
  }));
  const searched = await searchOfChunk(deps, chunk);
  return {
    cause: result.cause,
    succeeded,
    ...(result.ownedAt !== undefined && { nextPayload: { ownedAt: result.ownedAt.toISOString() } }),
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
      // The prices are written before the items are handed over. Otherwise the new orders would find that their search is too
      // old.
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
 * How lost numbers end. A search replaces a lost number, with three exceptions: the user listed the number, the user cancelled
 * the request, or the order failed for its paperwork (other numbers of the same kind would fail too).
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
