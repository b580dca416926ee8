import type { WorkDeps } from '../../account/deps.ts';
import type { Chunk } from '../../db/chunks.ts';
import { boughtByOthers } from '../../db/numbers.ts';

/**
 * Which numbers of an order chunk are ours, with their ids, and may have come by its order: what another request bought is the
 * account's, but no delivery of this one.
 */
export async function ownedByRequest(deps: WorkDeps, chunk: Chunk): Promise<Map<string, string>> {
  const owned = await deps.telnyx.verifyOwnership(chunk.numbers);
  for (const number of await boughtByOthers(deps.db.sql, chunk.requestId, [...owned.keys()])) owned.delete(number);
  return owned;
}
