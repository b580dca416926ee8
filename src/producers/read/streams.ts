import type { Db } from '../../db/client.ts';
import type { PhoneNumber } from '../../db/numbers.ts';
import { pageByPage } from '../../db/pages.ts';
import { type InventoryFilter, listInventory } from '../../db/queries/inventory.ts';
import { listRuns } from '../../db/queries/runs.ts';
import { type RunReport, reportRuns } from './read.ts';
import { type NumberView, numberView } from './views.ts';

/** The columns of a CSV of numbers. */
export const NUMBER_COLUMNS = [
  'phone_number',
  'telnyx_id',
  'state',
  'status',
  'phone_number_type',
  'country_code',
  'connection_id',
  'messaging_profile_id',
  'billing_group_id',
  'customer_reference',
  'tags',
  'deletion_lock_enabled',
  'emergency_enabled',
  'emergency_status',
  'emergency_address_id',
  'upfront_cost',
  'monthly_cost',
  'currency',
  'bought_by',
  'surplus',
  'purchased_at',
  'updated_at',
] as const satisfies readonly (keyof NumberView)[];

const NUMBERS_PAGE = 2_000;
const RUNS_PAGE = 100;

/** The matching numbers of the inventory by number. No database connection is held while the caller takes them. */
export async function* streamNumbers(db: Db, filter: InventoryFilter): AsyncGenerator<NumberView> {
  const rows = pageByPage<PhoneNumber>(NUMBERS_PAGE, (last) =>
    listInventory(db.reads, filter, NUMBERS_PAGE, last?.phoneNumber ?? null),
  );
  for await (const row of rows) yield numberView(row);
}

/** The same as rows of a CSV. */
export async function* numberRows(db: Db, filter: InventoryFilter): AsyncGenerator<object> {
  for await (const number of streamNumbers(db, filter)) yield { ...number, tags: number.tags.join(',') };
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
