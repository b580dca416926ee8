import { pause, resume, type Woken, wakeHeld } from '../../db/holds.ts';
import { countItems } from '../../db/items.ts';
import { lockRequest, type Request, refreshRequest } from '../../db/requests.ts';
import { notFound, refused } from '../../domain/errors.ts';
import type { AnyEnqueue } from '../../queues/port.ts';
import type { ProducerDeps } from '../deps.ts';
import { chunkJob, enqueue, lineJob } from '../enqueue.ts';

/**
 * Holds a request between two chunks. From the answer on, no new call of it leaves; what is at Telnyx goes on and is settled. Pausing
 * it again changes nothing. Errors: `not_found`, `not_pausable` when it has ended or waits for approval.
 */
export async function pauseRequest(deps: ProducerDeps, id: string, actor: string): Promise<Request> {
  const at = deps.clock.now();
  return deps.db.sql.begin(async (tx) => {
    const request = await lockRequest(tx, id);
    if (request === null) throw notFound(`there is no request ${id}`);
    if (request.status === 'paused') return request;
    if (request.finishedAt !== null) throw refused('not_pausable', `request ${id} has ended: ${request.status}`);
    if (request.status === 'awaiting_approval')
      throw refused('not_pausable', `request ${id} waits for approval, and sends nothing before it`);
    if (request.cancelRequestedAt !== null)
      throw refused('not_pausable', `request ${id} is being cancelled, and sends nothing more`);
    await pause(tx, request, { code: 'paused', text: `paused by ${actor}`, at, actor });
    return { ...request, status: 'paused', pausedAt: at };
  });
}

/**
 * Lets a paused request go on where it stood. Whoever resumes accepts what paused it: a canary that was not right, or the failures
 * until now. Errors: `not_found`, `not_paused`.
 */
export async function resumeRequest(deps: ProducerDeps, id: string, actor: string): Promise<Request> {
  const at = deps.clock.now();
  const { request, woken } = await deps.db.sql.begin(async (tx) => {
    const locked = await lockRequest(tx, id);
    if (locked === null) throw notFound(`there is no request ${id}`);
    if (locked.status !== 'paused') throw refused('not_paused', `request ${id} is ${locked.status}, not paused`);
    const resumed = await resume(tx, locked, await countItems(tx, id), { at, actor });
    const woken = await wakeHeld(tx, id, at);
    return { request: (await refreshRequest(tx, id, at, resumed)) ?? resumed, woken };
  });
  await enqueue(deps, jobsOfWoken(woken));
  return request;
}

/** The queue jobs of work that is no longer held back. */
export const jobsOfWoken = ({ chunks, lines }: Woken): AnyEnqueue[] => [
  ...chunks.map((c) => chunkJob(c)),
  ...lines.map((l) => lineJob(l)),
];
