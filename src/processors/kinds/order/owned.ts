import type { WorkDeps } from '../../../account/deps.ts';
import type { Chunk } from '../../../db/chunks.ts';
import { boughtByOthers } from '../../../db/numbers.ts';
import type { StepOf } from '../../../domain/step.ts';
import type { Order } from '../../../telnyx/gateway.ts';
import type { ChunkOf } from '../../chunk/kind.ts';

export type OrderChunk = ChunkOf<StepOf<'order'>>;

/**
 * A finished order with the numbers that are not settled yet. Other numbers of the chunk have ended, or another chunk carries
 * them.
 */
export interface OverOrder {
  order: Order;
  owed: string[];
  /** True when the order was read by its row in the list, which says only that the whole order is a success. */
  isListed: boolean;
}

/**
 * The numbers that the account owns and that this order may have delivered, with their ids at Telnyx. A number that another
 * request bought is left out, because this order did not deliver it.
 */
export async function ownedByRequest(deps: WorkDeps, chunk: Chunk, numbers: string[]): Promise<Map<string, string>> {
  const owned = await deps.ownership.check(deps.telnyx, numbers);
  for (const number of await boughtByOthers(deps.db.sql, chunk.requestId, [...owned.keys()])) owned.delete(number);
  return owned;
}
