import { linesOfRequest } from '../../db/lines.ts';
import { approve, lockRequest, type Request } from '../../db/requests.ts';
import { notFound, refused } from '../../domain/errors.ts';
import type { ProducerDeps } from '../deps.ts';
import { enqueue, lineJob } from '../enqueue.ts';

/** Approves a buy that waits for approval, and enqueues its buy lines. Errors: `not_found`, `not_awaiting_approval`. */
export async function approveRequest(deps: ProducerDeps, id: string, actor: string): Promise<Request> {
  const at = deps.clock.now();
  const { request, lines } = await deps.db.sql.begin(async (tx) => {
    const locked = await lockRequest(tx, id);
    if (locked === null) throw notFound(`there is no request ${id}`);
    if (locked.status !== 'awaiting_approval')
      throw refused('not_awaiting_approval', `request ${id} is ${locked.status}, not awaiting approval`);
    return { request: await approve(tx, id, { actor, at }), lines: await linesOfRequest(tx, id) };
  });
  await enqueue(
    deps,
    lines.map((l) => lineJob(l)),
  );
  return request;
}
