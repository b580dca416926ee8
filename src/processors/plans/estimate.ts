import type { WorkDeps } from '../../account/deps.ts';
import { recentSeconds } from '../../db/durations.ts';
import { countOwned } from '../../db/numbers.ts';
import { estimatedSeconds, type FamilyCalls, shownCalls, type WorkTime } from '../../domain/plan.ts';
import { callsOf, readsFirst } from '../../domain/plan-calls.ts';
import { buysNumbers, plannedSize, type Step, type StepKind } from '../../domain/step.ts';

/** How long a call of each kind counts as taking at Telnyx, in seconds, until the rows of this installation know better. */
const USUAL_SECONDS: Readonly<Record<StepKind, number>> = { order: 10, update: 60, messaging: 30, emergency: 60, delete: 60 };
/** The number list of Telnyx shows so many numbers on one page. */
const PAGE = 250;

/** What a plan says of its cost in calls and in time. */
export interface Estimate {
  calls: { call: string; count: number }[];
  seconds: number;
}

/** Estimates the calls and the time of some steps for `numbers` numbers, beside `before`, which come first. */
export async function estimate(
  deps: WorkDeps,
  steps: readonly Step[],
  numbers: number,
  before: readonly FamilyCalls[] = [],
): Promise<Estimate> {
  const calls = [...before];
  const work: WorkTime[] = [];
  for (const step of numbers === 0 ? [] : steps) {
    const count = Math.ceil(numbers / (buysNumbers(step.kind) ? deps.limits.orderSize : deps.limits.batchSize));
    calls.push(...callsOf(step, count, await pagesToRead(deps, step, numbers)));
    const atOnce = buysNumbers(step.kind) ? count : deps.slots.most;
    const seconds = (await recentSeconds(deps.db.sql, step.kind)) ?? USUAL_SECONDS[step.kind];
    work.push({ rounds: Math.ceil(count / atOnce), seconds });
  }
  const pace = new Map(deps.telnyx.limits().map((l) => [l.family, l.perSecond]));
  return { calls: shownCalls(summed(calls)), seconds: estimatedSeconds(calls, pace, work) };
}

/**
 * Tags that are merged, and numbers that are released, are read first. The numbers are sorted, so each batch reads pages of its own:
 * those of the whole account at most, and one more at each end of a batch.
 */
async function pagesToRead(deps: WorkDeps, step: Step, numbers: number): Promise<number> {
  if (!readsFirst(step)) return 0;
  const rounds = Math.ceil(numbers / plannedSize(step, deps.limits.batchSize));
  const wholeAccount = Math.ceil(Math.max(1, await countOwned(deps.db.sql)) / PAGE) + 1;
  return Math.min(rounds * wholeAccount, wholeAccount + 2 * rounds, numbers);
}

/** Calls of the same kind as one. */
function summed(calls: readonly FamilyCalls[]): FamilyCalls[] {
  const kinds = new Map<string, FamilyCalls>();
  for (const c of calls) {
    const before = kinds.get(c.call);
    kinds.set(c.call, before === undefined ? c : { ...before, count: before.count + c.count });
  }
  return [...kinds.values()];
}
