import type { Db } from '../../db/client.ts';
import { readAccount, slotsInUse, someWorkerLives } from '../../db/queries/account.ts';
import { listChunks } from '../../db/queries/chunks.ts';
import { NOTHING_OPEN, type OpenDrift, openOfRuns, streamDrift } from '../../db/queries/drift.ts';
import { gateReopened } from '../../db/queries/events.ts';
import { type InventoryFilter, listInventory } from '../../db/queries/inventory.ts';
import * as itemQueries from '../../db/queries/items.ts';
import * as requestQueries from '../../db/queries/requests.ts';
import { findRun, repairsFiledBy } from '../../db/queries/runs.ts';
import type { Request } from '../../db/requests.ts';
import type { Run } from '../../db/runs.ts';
import type { ItemStatus, RequestKind, RequestStatus } from '../../domain/request.ts';
import { type RunView, runView } from '../actions/start-run.ts';
import {
  type AccountView,
  accountView,
  type ChunkView,
  chunkView,
  type DriftView,
  driftView,
  type ItemView,
  itemView,
  type NumberView,
  numberView,
  type RequestView,
  requestView,
} from './views.ts';

/** One page of a list; `cursor` is opaque to users. */
export interface Page<T> {
  data: T[];
  nextCursor: string | null;
}

/** A request as users see it; `null` when there is no such request. */
export async function readRequest(db: Db, id: string): Promise<RequestView | null> {
  const request = await requestQueries.findRequest(db.reads, id);
  return request === null ? null : ((await requestViews(db, [request]))[0] ?? null);
}

/** One page of requests, newest first. */
export async function listRequests(
  db: Db,
  filter: { status?: RequestStatus; kind?: RequestKind; limit: number; cursor?: string },
): Promise<Page<RequestView>> {
  const { limit, cursor, ...wanted } = filter;
  const rows = await requestQueries.listRequests(db.reads, wanted, limit + 1, cursor === undefined ? null : Number(cursor));
  const shown = rows.slice(0, limit);
  return { data: await requestViews(db, shown), nextCursor: rows.length > limit ? String(shown.at(-1)?.seq) : null };
}

async function requestViews(db: Db, requests: Request[]): Promise<RequestView[]> {
  const ids = requests.map((r) => r.id);
  const [account, figures] = await Promise.all([readAccount(db.reads), requestQueries.figuresOf(db.reads, ids)]);
  return requests.map((r) => requestView(r, figures.get(r.id) ?? requestQueries.NO_FIGURES, account));
}

/** One page of the items of a request, in the order in which they were asked for. */
export async function listItems(
  db: Db,
  requestId: string,
  filter: { status?: ItemStatus; limit: number; cursor?: string },
): Promise<Page<ItemView>> {
  const { limit, cursor, ...wanted } = filter;
  const after = cursor === undefined ? null : Number(cursor);
  const rows = await itemQueries.listItems(db.reads, requestId, wanted, limit + 1, after);
  const shown = rows.slice(0, limit);
  return {
    data: shown.map((r) => itemView(r, r.line)),
    nextCursor: rows.length > limit ? String(shown.at(-1)?.id) : null,
  };
}

/** An item in a file: with who asked for it. */
export type ExportedItem = ItemView & { submitted_by: string | null };

/** All items of a request, read page by page. No database connection is held while the caller takes them. */
export async function* streamItems(db: Db, requestId: string, filter: itemQueries.ItemFilter = {}): AsyncGenerator<ExportedItem> {
  const submitted_by = (await requestQueries.findRequest(db.reads, requestId))?.submittedBy ?? null;
  for await (const row of itemQueries.streamItems(db.reads, requestId, filter))
    yield { ...itemView(row, row.line), submitted_by };
}

/** The reasons why items failed or were skipped, most frequent first. */
export async function reasonsOf(db: Db, requestId: string): Promise<{ code: string; reason: string; count: number }[]> {
  return itemQueries.reasonsOf(db.reads, requestId);
}

/** The chunks of a request as users see them. */
export async function readChunks(db: Db, requestId: string): Promise<ChunkView[]> {
  return (await listChunks(db.reads, requestId)).map(chunkView);
}

/** One page of the inventory, by number. */
export async function readInventory(
  db: Db,
  filter: InventoryFilter,
  page: { limit: number; cursor?: string },
): Promise<Page<NumberView>> {
  const rows = await listInventory(db.reads, filter, page.limit + 1, page.cursor ?? null);
  const shown = rows.slice(0, page.limit);
  return { data: shown.map(numberView), nextCursor: rows.length > page.limit ? (shown.at(-1)?.phoneNumber ?? null) : null };
}

/** True when a worker lives that takes up work. */
export async function workerLives(db: Db): Promise<boolean> {
  return someWorkerLives(db.reads);
}

/** The account with its gate. `slots` is how many job slots this configuration allows. */
export async function readAccountView(db: Db, slots: number): Promise<AccountView> {
  const [account, inUse, reopened] = await Promise.all([readAccount(db.reads), slotsInUse(db.reads), gateReopened(db.reads)]);
  return accountView(
    account,
    { inUse, configured: slots },
    reopened === null ? null : { at: reopened.at.toISOString(), by: reopened.actor },
  );
}

/** A reconciliation run as users see it, with its open drift and the repair requests that it led to. */
export interface RunReport extends RunView {
  open: OpenDrift;
  repair_requests: string[];
}

/** One reconciliation run; `null` when there is no such run. */
export async function readRun(db: Db, id: string): Promise<RunReport | null> {
  const run = await findRun(db.reads, id);
  return run === null ? null : reportRun(db, run);
}

/** All differences that a reconciliation run found, as a stream. */
export async function* streamRunDrift(db: Db, id: string): AsyncGenerator<DriftView> {
  for await (const row of streamDrift(db.reads, id)) yield driftView(row);
}

/** The columns of a CSV of items. */
export const ITEM_COLUMNS = [
  'phone_number',
  'status',
  'reason_code',
  'reason',
  'line',
  'chunk_id',
  'telnyx_id',
  'updated_at',
  'bought_at',
  'upfront_cost',
  'monthly_cost',
  'currency',
  'submitted_by',
] as const satisfies readonly (keyof ExportedItem)[];

/** The columns of a CSV of drift. */
export const DRIFT_COLUMNS = [
  'phone_number',
  'kind',
  'field',
  'ours',
  'theirs',
  'state',
  'at',
  'by',
  'request_id',
  'repair_request_id',
  'found_by',
] as const satisfies readonly (keyof DriftView)[];

/** Reconciliation runs as users see them. */
export async function reportRuns(db: Db, runs: Run[]): Promise<RunReport[]> {
  const ids = runs.map((r) => r.id);
  const [filed, open] = await Promise.all([repairsFiledBy(db.reads, ids), openOfRuns(db.reads, ids)]);
  return runs.map((r) => ({ ...runView(r), open: open.get(r.id) ?? NOTHING_OPEN, repair_requests: filed.get(r.id) ?? [] }));
}

/** One reconciliation run as users see it. */
export async function reportRun(db: Db, run: Run): Promise<RunReport> {
  const [report] = await reportRuns(db, [run]);
  return report ?? { ...runView(run), open: NOTHING_OPEN, repair_requests: [] };
}
