import type { UndoPlan } from '../../db/undo.ts';
import { CANNOT_UNDO } from '../../domain/undo.ts';
import type { RequestView } from './views.ts';

/** What an undo puts back and what it leaves, as users see it. `request` is null for a plan. */
export function undoAnswer<R extends object | null>(requestId: string, plan: UndoPlan, request: R) {
  const some = ({ count, sample }: { count: number; sample: string[] }) => ({ count, numbers: sample });
  return {
    undoes: requestId,
    numbers: plan.numbers,
    changes: plan.changes.map(({ field, from, to, ...of }) => ({ field, from, to, ...some(of) })),
    more_changes: plan.moreChanges,
    changed_since: {
      count: plan.changedSince.count,
      first: plan.changedSince.first.map((c) => ({
        phone_number: c.phoneNumber,
        field: c.field,
        request_set: c.setTo,
        now: c.now,
        at: c.at?.toISOString() ?? null,
        by: c.by,
        request_id: c.requestId,
        run_id: c.runId,
      })),
    },
    cannot_be_put_back: plan.cannot.map(({ field, why, ...of }) => ({ field, reason: CANNOT_UNDO[why], ...some(of) })),
    under_way: some(plan.busy),
    not_owned: some(plan.gone),
    already_back: plan.already,
    mark: plan.mark,
    request,
  };
}
export type UndoAnswer = ReturnType<typeof undoAnswer<RequestView | null>>;
