import type { WorkDeps } from '../account/deps.ts';
import { adoptUnknown, type Stretch, stretchesOf } from '../db/adopt.ts';
import type { Tx } from '../db/client.ts';
import { missingCandidates, noteMissing, noteStillMissing, reappeared, takeOverChanges, unsee } from '../db/compare-inventory.ts';
import { countRun } from '../db/run-counts.ts';
import { finishRun, type Run } from '../db/runs.ts';
import { analyzeForComparison, dropSightings, keepNewest } from '../db/sightings.ts';
import type { RunCounts } from '../domain/reconciliation.ts';
import { freshSince } from '../domain/streaks.ts';
import { fileRepairs } from '../producers/actions/repair-run.ts';
import { holdRun, type RunHold } from './hold-run.ts';
import { type Counter, counter, readList } from './read-list.ts';
import { openStaging } from './stage-pages.ts';

/** How often the whole list is walked. Pages shift during a walk, so the next walk may see what the last one missed. */
const MOST_WALKS = 4;

/** Numbers that one transaction adopts at most, so that it ends within seconds. */
const STRETCH = 50_000;
/** Transactions that adopt at once. */
const ADOPTERS = 2;

interface Walk {
  /** How many numbers the account has by the last page that was read; `null` when no page said so. */
  total: number | null;
  /** How many different numbers all walks have seen. */
  seen: number;
  /** True when as many numbers were seen as Telnyx says there are. */
  complete: boolean;
}

/**
 * Compares the inventory with the account. It walks the full list into a staging table, compares whole sets in SQL, asks
 * ownership about every missing number, and records each difference. It accepts no difference. After an incomplete walk no number
 * is called missing, and numbers that were not judged are counted. Memory stays flat, because few pages are held at a time. Throws
 * `lease_lost` or `stopping` when this worker must let go of the run.
 */
export async function reconcileInventory(deps: WorkDeps, run: Run, signal?: AbortSignal): Promise<RunCounts> {
  const startedAt = run.startedAt ?? deps.clock.now();
  const hold = holdRun(deps, run, signal);
  await hold.change((tx) => dropSightings(tx, run.id));
  const walk = await walkUntilComplete(deps, run, hold);
  await analyzeForComparison(deps.db.sql);
  const stale = await dropStale(deps, run, hold, startedAt);
  await hold.keep();
  const at = deps.clock.now();
  const because = { cause: 'reconciled', at, runId: run.id };
  const seen = walk.seen - stale;
  // Drift of an interrupted attempt of this run stays and is not recorded twice.
  await hold.change((tx) => takeOverChanges(tx, run.id, startedAt, because));
  await adoptAll(deps, run, hold, (tx, stretch) => adoptUnknown(tx, run.id, startedAt, because, stretch));
  await hold.keep();
  if (walk.complete) await confirmMissing(deps, run, hold, startedAt);
  await hold.keep();
  const judged = await countRun(deps.db.sql, run.id, freshSince(startedAt, deps.timings));
  const counts: RunCounts = { seen, ...judged, undecided: judged.undecided + stale };
  await hold.change((tx) => dropSightings(tx, run.id));
  const notes = walk.complete
    ? []
    : [`saw ${seen} of ${walk.total ?? 'an unknown number of'} numbers; nothing was declared missing`];
  // Repairs are filed before the run ends; a crash in between would lose them.
  if (run.repair) notes.push(...(await fileRepairs(deps, run.id, { actor: run.startedBy ?? run.id, keep: hold.keep })).failures);
  await finishRun(deps.db.sql, run, {
    status: walk.complete ? 'completed' : 'incomplete',
    counts,
    error: notes.length === 0 ? null : notes.join('; '),
    at: deps.clock.now(),
  });
  return counts;
}

/**
 * Leaves out numbers that the list still shows although they were released a moment ago, unless ownership shows them too: the
 * list lags. Five settling windows after their release this is no lag any more: such a number is ours but closed to changes, and
 * is adopted. Returns how many numbers stay undecided.
 */
async function dropStale(deps: WorkDeps, run: Run, hold: RunHold, startedAt: Date): Promise<number> {
  let stale = 0;
  for await (const rows of reappeared(deps.db.sql, run.id, freshSince(startedAt, deps.timings))) {
    const numbers = rows.filter((r) => !r.longAgo).map((r) => r.phoneNumber);
    if (numbers.length === 0) continue;
    const owned = await hold.read(() => deps.telnyx.verifyOwnership(numbers));
    const gone = numbers.filter((n) => !owned.has(n));
    await hold.change((tx) => unsee(tx, run.id, gone));
    stale += gone.length;
  }
  return stale;
}

async function walkUntilComplete(deps: WorkDeps, run: Run, hold: RunHold): Promise<Walk> {
  let walk: Walk = { total: null, seen: 0, complete: false };
  // Short codes: Telnyx lists and counts them, and the inventory does not hold them.
  const others = new Set<string>();
  const calls = counter();
  for (let i = 0; i < MOST_WALKS && !walk.complete; i += 1) {
    const total = await walkOnce(deps, run, hold, calls, others);
    let seen = 0;
    await hold.change(async (tx) => {
      seen = await keepNewest(tx, run.id);
    });
    walk = { total, seen, complete: total !== null && seen + others.size >= total };
  }
  return walk;
}

/** Walks all pages once. Returns how many numbers Telnyx says there are. */
async function walkOnce(deps: WorkDeps, run: Run, hold: RunHold, calls: Counter, others: Set<string>): Promise<number | null> {
  const staging = openStaging(run.id, hold);
  try {
    return await readList(deps, hold, calls, async (asked) => {
      for (const id of asked.page.leftOut) others.add(id);
      await staging.take(asked);
    });
  } finally {
    await staging.end();
  }
}

/** Adopts what the inventory does not know, stretch by stretch, two at a time: a first run writes a few rows for every number. */
async function adoptAll(
  deps: WorkDeps,
  run: Run,
  hold: RunHold,
  adopt: (tx: Tx, stretch: Stretch) => Promise<void>,
): Promise<void> {
  const left = (await stretchesOf(deps.db.sql, run.id, STRETCH)).values();
  const adopter = async (): Promise<void> => {
    for (const stretch of left) {
      await hold.keep();
      await hold.change((tx) => adopt(tx, stretch));
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: ADOPTERS }, adopter));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}

/** The second, independent check: a number is called missing only when ownership does not show it either. */
async function confirmMissing(deps: WorkDeps, run: Run, hold: RunHold, startedAt: Date): Promise<void> {
  const boughtBefore = freshSince(startedAt, deps.timings);
  for await (const numbers of missingCandidates(deps.db.sql, run.id, startedAt, boughtBefore)) {
    const owned = await hold.read(() => deps.telnyx.verifyOwnership(numbers));
    const gone = numbers.filter((n) => !owned.has(n));
    const because = { cause: 'missing_after_two_looks', at: deps.clock.now(), runId: run.id };
    await hold.change((tx) => noteMissing(tx, run.id, gone, because));
  }
  await hold.change((tx) => noteStillMissing(tx, run.id));
}
