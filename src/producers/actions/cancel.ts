import { chunksOfRequest, moveChunk } from '../../db/chunks.ts';
import { wakeHeld } from '../../db/holds.ts';
import { cancelPending, endItems, openItemsOfChunk } from '../../db/items.ts';
import { getRequest, type Request, refreshRequest, requestCancel } from '../../db/requests.ts';
import { clearedNote } from '../../domain/blockers.ts';
import type { AnyEnqueue } from '../../queues/port.ts';
import type { ProducerDeps } from '../deps.ts';
import { chunkJob, enqueue } from '../enqueue.ts';
import { logEnd } from '../log-lines.ts';
import { jobsOfWoken } from './pause.ts';

/**
 * Cancels everything of a request that was not sent. What was sent ends by the answer of Telnyx. Orders that wait for paperwork
 * are cancelled at Telnyx by their own queue jobs, which are woken here. Returns `null` when there is no such request, and an
 * ended request unchanged.
 */
export async function cancelRequest(deps: ProducerDeps, id: string, actor: string): Promise<Request | null> {
  const at = deps.clock.now();
  const wake: AnyEnqueue[] = [];
  const add: AnyEnqueue[] = [];
  let changed: Request | null = null;
  const found = await deps.db.sql.begin(async (tx) => {
    if ((await requestCancel(tx, id, { actor, at })) === null) return getRequest(tx, id);
    for (const chunk of await chunksOfRequest(tx, id)) {
      if (chunk.state === 'submitted' && chunk.waiting) wake.push(chunkJob(chunk));
      if (chunk.state !== 'planned' || chunk.attempt > 0) continue;
      const items = await openItemsOfChunk(tx, chunk.id);
      if (items.some((i) => i.status === 'in_flight')) continue;
      if ((await moveChunk(tx, chunk, { cause: 'cancel', at, actor })) === null) continue;
      const ends = items.flatMap((i) =>
        i.phoneNumber === null
          ? []
          : [
              {
                phoneNumber: i.phoneNumber,
                status: 'cancelled' as const,
                reasonCode: 'cancelled' as const,
                reason: `the request was cancelled before this number was sent${clearedNote(chunk.step)}`,
              },
            ],
      );
      await endItems(tx, chunk, ends, at);
    }
    await cancelPending(tx, id, at);
    // What a pause held back and a cancel cannot end here, ends by its own queue job.
    add.push(...jobsOfWoken(await wakeHeld(tx, id, at)));
    changed = await refreshRequest(tx, id, at);
    return getRequest(tx, id);
  });
  await logEnd(deps, changed);
  await enqueue(deps, add);
  for (const job of wake) await deps.queue.wake(job.name, job.id).catch(() => enqueue(deps, [job]));
  return found;
}
