import type { WorkDeps } from '../../../account/deps.ts';
import type { Chunk } from '../../../db/chunks.ts';
import { boughtByOthers } from '../../../db/numbers.ts';
import type { StepOf } from '../../../domain/step.ts';
import type { Order } from '../../../telnyx/gateway.ts';
import type { ChunkOf } from '../../chunk/kind.ts';

export type OrderChunk = ChunkOf<StepOf<'order'>>;

/** An order that is over, with the numbers that it still owes: numbers settled as a part have ended, or are with another chunk. */
export interface OverOrder {
  order: Order;
  owed: string[];
}

/**
 * Which numbers are ours, with their ids, and may have come by the order of this chunk. A number that another request bought belongs
 * to the account, but this order did not deliver it.
 */
export async function ownedByRequest(deps: WorkDeps, chunk: Chunk, numbers: string[]): Promise<Map<string, string>> {
  const owned = await deps.telnyx.verifyOwnership(numbers);
  for (const number of await boughtByOthers(deps.db.sql, chunk.requestId, [...owned.keys()])) owned.delete(number);
  return owned;
}
