import { getAccount, slotsInUse } from '../../db/account.ts';
import { chunksOfRequest } from '../../db/chunks.ts';
import type { Db } from '../../db/client.ts';
import { streamDrift } from '../../db/drift.ts';
import { eventsOf } from '../../db/events.ts';
import type { Item } from '../../db/items.ts';
import { getNumber, type InventoryFilter, listInventory } from '../../db/numbers.ts';
import { pageByPage } from '../../db/pages.ts';
import { getRequest, type Request, requestFigures } from '../../db/requests.ts';
import { NOTHING_OPEN, type OpenDrift, openOfRuns } from '../../db/run-counts.ts';
import { getRun, type Run, repairsFiledBy } from '../../db/runs.ts';
import { liveWorkers } from '../../db/workers.ts';
import type { ReasonCode } from '../../domain/codes.ts';
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

const STREAM_PAGE = 2_000;

/** One page of a list; `cursor` is opaque to users. */
export interface Page<T> {
  data: T[];
  nextCursor: string | null;
}

/** A request as users see it, or `null`. */
export async function lookAtRequest(db: Db, id: string): Promise<RequestView | null> {
  const [request, account] = await Promise.all([getRequest(db.reads, id), getAccount(db.reads)]);
  return request === null ? null : requestView(request, await requestFigures(db.reads, id), account);
}

/** Requests, newest first. */
export async function listRequests(
  db: Db,
  filter: { status?: RequestStatus; kind?: RequestKind; limit: number; cursor?: string },
): Promise<Page<RequestView>> {
  const before = filter.cursor === undefined ? null : Number(filter.cursor);
  const rows = await db.reads<Request[]>`
    select * from requests
    where (${filter.status ?? null}::text is null or status = ${filter.status ?? null})
      and (${filter.kind ?? null}::text is null or kind = ${filter.kind ?? null})
      and (${before}::bigint is null or seq < ${before})
    order by seq desc limit ${filter.limit + 1}`;
  const shown = rows.slice(0, filter.limit);
  const account = await getAccount(db.reads);
  const data = await Promise.all(shown.map(async (r) => requestView(r, await requestFigures(db.reads, r.id), account)));
  return { data, nextCursor: rows.length > filter.limit ? String(shown.at(-1)?.seq) : null };
}

type ItemRow = Item & { line: number | null };

/** Items of a request in the order they were asked for. */
export async function listItems(
  db: Db,
  requestId: string,
  filter: { status?: ItemStatus; limit: number; cursor?: string },
): Promise<Page<ItemView>> {
  const after = filter.cursor === undefined ? null : Number(filter.cursor);
  const rows = await db.reads<ItemRow[]>`
    select i.*, l.position as line from items i left join lines l on l.id = i.line_id
    where i.request_id = ${requestId} and (${filter.status ?? null}::text is null or i.status = ${filter.status ?? null})
      and (${after}::bigint is null or i.id > ${after})
    order by i.id limit ${filter.limit + 1}`;
  const shown = rows.slice(0, filter.limit);
  return {
    data: shown.map((r) => itemView(r, r.line)),
    nextCursor: rows.length > filter.limit ? String(shown.at(-1)?.id) : null,
  };
}

/** All items of a request, a page at a time: no connection is held while the reader takes them. */
export async function* streamItems(db: Db, requestId: string): AsyncGenerator<ItemView> {
  const pages = pageByPage<ItemRow>(
    STREAM_PAGE,
    (behind) => db.reads`
      select i.*, l.position as line from items i left join lines l on l.id = i.line_id
      where i.request_id = ${requestId} and (${behind?.id ?? null}::bigint is null or i.id > ${behind?.id ?? null})
      order by i.id limit ${STREAM_PAGE}`,
  );
  for await (const row of pages) yield itemView(row, row.line);
}

/** Why items failed or were skipped, most frequent first. */
export async function reasonsOf(db: Db, requestId: string): Promise<{ code: ReasonCode; reason: string; count: number }[]> {
  return db.reads<{ code: ReasonCode; reason: string; count: number }[]>`
    select reason_code as code, max(reason) as reason, count(*)::int as count from items
    where request_id = ${requestId} and reason_code is not null group by reason_code order by 3 desc`;
}

export async function lookAtChunks(db: Db, requestId: string): Promise<ChunkView[]> {
  return (await chunksOfRequest(db.reads, requestId)).map(chunkView);
}

export async function lookAtInventory(
  db: Db,
  filter: InventoryFilter,
  page: { limit: number; cursor?: string },
): Promise<Page<NumberView>> {
  const rows = await listInventory(db.reads, filter, page.limit + 1, page.cursor ?? null);
  const shown = rows.slice(0, page.limit);
  return { data: shown.map(numberView), nextCursor: rows.length > page.limit ? (shown.at(-1)?.phoneNumber ?? null) : null };
}

/** One number with its history, or `null` when it was never ours. */
export async function lookAtNumber(db: Db, phoneNumber: string) {
  const number = await getNumber(db.reads, phoneNumber);
  const history = await eventsOf(db.reads, 'number', phoneNumber);
  if (number === null && history.length === 0) return null;
  return {
    ...(number === null ? { phone_number: phoneNumber, state: null } : numberView(number)),
    history: history.map((e) => ({
      at: e.at.toISOString(),
      from: e.fromState,
      to: e.toState,
      cause: e.cause,
      request_id: e.requestId,
      chunk_id: e.chunkId,
      run_id: e.runId,
      by: e.actor,
      detail: e.detail,
    })),
  };
}

/** Does anybody take up work? */
export async function workerLives(db: Db): Promise<boolean> {
  return (await liveWorkers(db.reads)).length > 0;
}

/** The account with its gate; `slots` is how many batch jobs this configuration allows at once. */
export async function lookAtAccount(db: Db, slots: number): Promise<AccountView> {
  const [account, inUse] = await Promise.all([getAccount(db.reads), slotsInUse(db.reads)]);
  return accountView(account, { inUse, configured: slots });
}

/** A run as users see it, with what is still open of its drift, and the requests that were filed to put changed fields back. */
export interface RunReport extends RunView {
  open: OpenDrift;
  repair_requests: string[];
}

/** One run, or `null`. */
export async function lookAtRun(db: Db, id: string): Promise<RunReport | null> {
  const run = await getRun(db.reads, id);
  return run === null ? null : reportRun(db, run);
}

/** All that a run found, streamed. */
export async function* streamRunDrift(db: Db, id: string): AsyncGenerator<DriftView> {
  for await (const row of streamDrift(db.reads, id)) yield driftView(row);
}

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

export async function reportRuns(db: Db, runs: Run[]): Promise<RunReport[]> {
  const ids = runs.map((r) => r.id);
  const [filed, open] = await Promise.all([repairsFiledBy(db.reads, ids), openOfRuns(db.reads, ids)]);
  return runs.map((r) => ({ ...runView(r), open: open.get(r.id) ?? NOTHING_OPEN, repair_requests: filed.get(r.id) ?? [] }));
}

export async function reportRun(db: Db, run: Run): Promise<RunReport> {
  const [report] = await reportRuns(db, [run]);
  return report ?? { ...runView(run), open: NOTHING_OPEN, repair_requests: [] };
}
