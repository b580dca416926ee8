import type { Db } from '../../db/client.ts';
import type { PhoneNumber } from '../../db/numbers.ts';
import { pageByPage } from '../../db/pages.ts';
import { type InventoryFilter, listInventory } from '../../db/queries/inventory.ts';
import { listRuns } from '../../db/queries/runs.ts';
import { type RunReport, reportRuns } from './read.ts';
import { type NumberView, numberView } from './views.ts';

const NUMBERS_PAGE = 2_000;
const RUNS_PAGE = 100;

/** The matching numbers of the inventory by number. No database connection is held while the caller takes them. */
export async function* streamNumbers(db: Db, filter: InventoryFilter): AsyncGenerator<NumberView> {
  const rows = pageByPage<PhoneNumber>(NUMBERS_PAGE, (last) =>
    listInventory(db.reads, filter, NUMBERS_PAGE, last?.phoneNumber ?? null),
  );
  for await (const row of rows) yield numberView(row);
}

/** All reconciliation runs, newest first. */
export async function* streamRuns(db: Db): AsyncGenerator<RunReport> {
  for (let last: string | null = null; ; ) {
    const runs = await listRuns(db.reads, RUNS_PAGE, last);
    yield* await reportRuns(db, runs);
    last = runs.at(-1)?.id ?? null;
    if (last === null || runs.length < RUNS_PAGE) return;
  }
}
