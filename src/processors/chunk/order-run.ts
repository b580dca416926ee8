import type { WorkDeps } from '../../account/deps.ts';
import { getChunk } from '../../db/chunks.ts';
import { skipped, snooze } from '../../domain/outcome.ts';
import type { PayloadOf } from '../../queues/catalogue.ts';
import type { JobContext } from '../context.ts';
import { followOrder } from '../kinds/follow-order.ts';
import { resolveOrder } from '../kinds/resolve-order.ts';
import { submitOrder } from '../kinds/submit-order.ts';

/** Takes an order chunk one step on. The row says which step; running this twice at once is harmless. */
export const runOrder = (deps: WorkDeps) => async (job: PayloadOf<'order.run'>, _ctx: JobContext) => {
  const chunk = await getChunk(deps.db.sql, job.chunkId);
  if (chunk === null) return skipped('there is no such chunk');
  switch (chunk.state) {
    case 'planned':
      return submitOrder(deps, chunk);
    case 'submitting':
      // Another worker is sending it, or died doing so: the sweep makes it ambiguous when its lease has run out.
      return snooze(deps.timings.backoffMs, 'being submitted');
    case 'submitted':
      return followOrder(deps, chunk);
    case 'ambiguous':
      return resolveOrder(deps, chunk);
    default:
      return skipped(`the chunk is ${chunk.state}`);
  }
};
