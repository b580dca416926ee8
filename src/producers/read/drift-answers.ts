import type { Db } from '../../db/client.ts';
import { NOTHING_OPEN, type OpenDrift, openOfRuns } from '../../db/queries/drift.ts';
import { CANNOT_PUT_BACK } from '../../domain/reconciliation.ts';
import type { RunAccepted } from '../actions/accept-run.ts';
import type { RunRepaired } from '../actions/repair-run.ts';

/** What a repair did, as users see it. */
export async function repairAnswer(db: Db, runId: string, r: RunRepaired) {
  return {
    run_id: runId,
    requests: r.filed.map(({ set, ...filed }) => ({ ...filed, set: { ...set } })),
    under_way: r.busy,
    cannot_be_put_back: r.cannot.map(({ field, why, count, sample }) => ({
      field,
      count,
      reason: CANNOT_PUT_BACK[why],
      numbers: sample,
    })),
    not_found: r.unknown,
    failures: r.failures,
    open: await openOf(db, runId),
  };
}
export type RepairAnswer = Awaited<ReturnType<typeof repairAnswer>>;

/** What an acceptance did, as users see it. */
export async function acceptAnswer(db: Db, runId: string, a: RunAccepted) {
  return { run_id: runId, accepted: a.accepted, under_way: a.busy, not_found: a.unknown, open: await openOf(db, runId) };
}
export type AcceptAnswer = Awaited<ReturnType<typeof acceptAnswer>>;

async function openOf(db: Db, runId: string): Promise<OpenDrift> {
  return (await openOfRuns(db.reads, [runId])).get(runId) ?? NOTHING_OPEN;
}
