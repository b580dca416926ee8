import { linesOfRequest } from '../../db/lines.ts';
import { approve, lockRequest, type Request } from '../../db/requests.ts';
import { type Approver, selfApprovalProblem } from '../../domain/approval.ts';
import { notFound, refused } from '../../domain/errors.ts';
import type { ProducerDeps } from '../deps.ts';
import { enqueue, lineJob } from '../enqueue.ts';
import { delayed } from '../intake/holds.ts';

/**
 * Approves a buy that waits for approval, and enqueues its buy lines. Two approvals at once are one: the second finds that the
 * request waits no more. Errors: `not_found`, `not_awaiting_approval`, `self_approval` when the asker approves.
 */
export async function approveRequest(deps: ProducerDeps, id: string, approver: string | Approver): Promise<Request> {
  const by = typeof approver === 'string' ? { name: approver, identified: true } : approver;
  const at = deps.clock.now();
  const { request, lines } = await deps.db.sql.begin(async (tx) => {
    const locked = await lockRequest(tx, id);
    if (locked === null) throw notFound(`there is no request ${id}`);
    if (locked.status !== 'awaiting_approval')
      throw refused('not_awaiting_approval', `request ${id} is ${locked.status}, not awaiting approval`);
    const problem = deps.limits.selfApproval ? null : selfApprovalProblem([locked.submittedBy, locked.plannedBy], by);
    if (problem !== null) throw refused('self_approval', problem);
    return { request: await approve(tx, id, { actor: by.name, at }), lines: await linesOfRequest(tx, id) };
  });
  await enqueue(
    deps,
    delayed(
      lines.map((l) => lineJob(l)),
      request.startAt,
      at,
    ),
  );
  return request;
}
