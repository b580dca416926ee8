import { type AcceptedDrift, acceptChosen } from '../../db/drift.ts';
import { insertEvent } from '../../db/events.ts';
import type { ProducerDeps } from '../deps.ts';
import { choose, type DriftChoice, endedRun } from './choose-drift.ts';

/** What an acceptance did. */
export interface RunAccepted extends AcceptedDrift {
  /** How many named numbers have no open difference in the run. */
  unknown: number;
}

/**
 * Accepts open differences of a reconciliation run: the value at Telnyx is right. A changed field then has the value at Telnyx as
 * its baseline, a missing number is given up, and a surplus number becomes an ordinary number. Rows of numbers that an open
 * request works on stay open. Errors: `not_found`, `not_ended`, `validation_failed`; nothing was accepted then.
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
