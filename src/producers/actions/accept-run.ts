import { type AcceptedDrift, acceptChosen } from '../../db/drift.ts';
import { insertEvent } from '../../db/events.ts';
import type { ProducerDeps } from '../deps.ts';
import { choose, type DriftChoice, endedRun } from './choose-drift.ts';

export interface RunAccepted extends AcceptedDrift {
  /** Named numbers without an open difference in the run. */
  unknown: number;
}

/**
 * Says that theirs is right, for open differences that a run found: from now on a changed field is meant to be as the account
 * shows it, a missing number is let go, a surplus is an ordinary number. Rows of numbers that an open request works on stay open.
 * Errors: `not_found`, `not_ended`, `validation_failed`; then nothing was accepted.
 */
export async function acceptRun(deps: ProducerDeps, runId: string, choice: DriftChoice, actor: string): Promise<RunAccepted> {
  await endedRun(deps, runId);
  const because = { cause: 'accepted', at: deps.clock.now(), runId, actor };
  return deps.db.sql.begin(async (tx) => {
    const unknown = await choose(tx, runId, choice);
    const done = await acceptChosen(tx, runId, because);
    await insertEvent(tx, { ...because, subject: 'run', subjectId: runId, detail: { ...done.accepted } });
    return { ...done, unknown };
  });
}
