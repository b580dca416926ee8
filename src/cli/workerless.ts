import { hasEnded, type RequestStatus } from '../domain/request.ts';
import { NO_WORKER } from '../observability/liveness.ts';
import type { ProducerDeps } from '../producers/deps.ts';
import { workerLives } from '../producers/read/read.ts';
import { type Cli, note } from './cli.ts';

const HELD: ReadonlySet<RequestStatus> = new Set(['awaiting_approval', 'needs_attention', 'paused', 'scheduled']);

/** True when a worker, and not a person, moves a request in this state. */
export function needsWorker(status: RequestStatus): boolean {
  return !hasEnded(status) && !HELD.has(status);
}

/** Notes that nothing moves, when one of these requests needs a worker and none is alive. */
export async function noteWorkerless(cli: Cli, deps: ProducerDeps, views: readonly { status: RequestStatus }[]): Promise<void> {
  if (views.some((view) => needsWorker(view.status)) && !(await workerLives(deps.db))) note(cli, NO_WORKER);
}
