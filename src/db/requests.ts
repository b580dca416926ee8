import { FINAL_STATES } from '../domain/chunk.ts';
import type { TroubleCode } from '../domain/codes.ts';
import { notFound } from '../domain/errors.ts';
import type { KeySpace } from '../domain/key-space.ts';
import { OPEN_ITEM_STATUSES, type RequestStatus, requestStatus } from '../domain/request.ts';
import { countOpenChunks, isAtWork } from './chunks.ts';
import type { SqlOrTx } from './client.ts';
import { insertEvent } from './events.ts';
import { countItems } from './items.ts';
import type { requests } from './schema/index.ts';
import { tellOfRequest } from './webhook-messages.ts';

export type Request = typeof requests.$inferSelect;
export type NewRequest = Omit<
  Request,
  | 'seq'
  | 'updatedAt'
  | 'finishedAt'
  | 'cancelRequestedAt'
  | 'pausedAt'
  | 'canaryPassedAt'
  | 'acceptedFailed'
  | 'acceptedEnded'
  | 'allClaimedAt'
>;

/** Stores a request. Returns `null` when its idempotency key exists already. */
export async function insertRequest(sql: SqlOrTx, r: NewRequest): Promise<Request | null> {
  const [row] = await sql<Request[]>`
    insert into requests (id, kind, status, label, body, steps, asked, max_upfront_cost, max_monthly_cost, idempotency_key,
      key_space, body_hash, error_code, error, submitted_by, filed_by, planned_by, update_charge, emergency_charge, start_at,
      canary, stop_above, all_or_nothing, created_at, updated_at)
    values (${r.id}, ${r.kind}, ${r.status}, ${r.label}, ${JSON.stringify(r.body)}::text::jsonb,
      ${JSON.stringify(r.steps)}::text::jsonb, ${r.asked}, ${r.maxUpfrontCost}, ${r.maxMonthlyCost}, ${r.idempotencyKey},
      ${r.keySpace}, ${r.bodyHash}, ${r.errorCode}, ${r.error}, ${r.submittedBy}, ${r.filedBy}, ${r.plannedBy},
      ${r.updateCharge}, ${r.emergencyCharge}, ${r.startAt}, ${r.canary}, ${r.stopAbove}, ${r.allOrNothing}, ${r.createdAt},
      ${r.createdAt})
    on conflict (key_space, idempotency_key) do nothing
    returning *`;
  return row ?? null;
}

/** Returns a request, or `null` when there is none with this id. */
export async function getRequest(sql: SqlOrTx, id: string): Promise<Request | null> {
  const [row] = await sql<Request[]>`select * from requests where id = ${id}`;
  return row ?? null;
}

/**
 * Returns the request of an idempotency key in its space. A client's key is also searched among keys from before spaces existed.
 */
export async function requestByIdempotencyKey(sql: SqlOrTx, space: KeySpace, key: string): Promise<Request | null> {
  const spaces = space === 'internal' ? [space] : [space, 'shared'];
  const [row] = await sql<Request[]>`
    select * from requests where key_space = any(${spaces}::text[]) and idempotency_key = ${key}
    order by key_space = 'shared' limit 1`;
  return row ?? null;
}

/**
 * Locks the row, so that budget checks, settlements of orders, cancels and the end of one request happen one after the other. It must
 * be the first lock of a transaction, before chunks and items, so that two transactions never deadlock. A transaction that changes
 * chunks and items without it must never ask for it. This lock does not conflict with the share lock of a foreign key.
 */
export async function lockRequest(sql: SqlOrTx, id: string): Promise<Request | null> {
  const [row] = await sql<Request[]>`select * from requests where id = ${id} for no key update`;
  return row ?? null;
}

/**
 * Computes the status from items and chunks, and ends the request when nothing is open. Returns the row when the status changed,
 * else `null`. Call it after every settlement, unless `goesOn`; an extra call does no harm. A caller that has locked the row passes it as `locked`.
 */
export async function refreshRequest(sql: SqlOrTx, id: string, at: Date, locked?: Request): Promise<Request | null> {
  const request = locked ?? (await lockRequest(sql, id));
  if (request === null || request.finishedAt !== null) return null;
  const [open] = await sql<{ items: boolean; searching: boolean }[]>`
    select exists (select 1 from items where request_id = ${id} and status = any(${OPEN_ITEM_STATUSES}::text[])) as items,
      exists (${searchingLines(sql, sql`${id}`)}) as searching`;
  const counts = open?.items === true ? null : await countItems(sql, id);
  const status = requestStatus({
    counts,
    cancelRequested: request.cancelRequestedAt !== null,
    awaitingApproval: request.status === 'awaiting_approval' && request.cancelRequestedAt === null,
    paused: request.pausedAt !== null,
    scheduled: request.startAt !== null && request.startAt > at,
    openChunks: await countOpenChunks(sql, id),
    searchingLines: open?.searching === true ? 1 : 0,
  });
  return setStatus(sql, request, status, counts !== null, at);
}

/** The buy lines of a request that still search for numbers. */
const searchingLines = (sql: SqlOrTx, requestId: ReturnType<SqlOrTx>) => sql`
  select 1 from lines l
  where l.request_id = ${requestId}
    and exists (select 1 from items i where i.line_id = l.id and i.status = 'pending' and i.chunk_id is null)`;

/**
 * True when the request runs and other chunks of it are at work, so that a settlement changes no status. It takes no lock. Ask it
 * after the settlement is committed: of two last chunks that settle at once, the one that commits last sees the end of the other.
 */
export async function goesOn(sql: SqlOrTx, id: string): Promise<boolean> {
  const [row] = await sql<{ goesOn: boolean }[]>`
    select exists (select 1 from requests where id = ${id} and status = 'running')
      and exists (select 1 from chunks where request_id = ${id} and state <> all(${FINAL_STATES}::text[]) and ${isAtWork(sql)}) as goes_on`;
  return row?.goesOn === true;
}

async function setStatus(
  sql: SqlOrTx,
  request: Request,
  status: RequestStatus,
  ended: boolean,
  at: Date,
): Promise<Request | null> {
  if (status === request.status && !ended) return null;
  const [row] = await sql<Request[]>`
    update requests set status = ${status}, finished_at = ${ended ? at : null}, updated_at = ${at},
      paused_at = case when ${ended} then null else paused_at end,
      error_code = case when ${status !== 'awaiting_approval'} then null else error_code end,
      error = case when ${status !== 'awaiting_approval'} then null else error end
    where id = ${request.id} and finished_at is null returning *`;
  if (row === undefined) return null;
  await insertEvent(sql, {
    subject: 'request',
    subjectId: request.id,
    requestId: request.id,
    from: request.status,
    to: status,
    cause: ended ? 'ended' : 'progress',
    at,
  });
  await tellOfRequest(sql, row, at);
  if (ended) await sql`delete from claims where request_id = ${request.id}`;
  return row;
}

/** Approves a request that awaits approval, and appends the event. Call it while holding the request lock. */
export async function approve(sql: SqlOrTx, id: string, by: { actor: string; at: Date }): Promise<Request> {
  const [row] = await sql<Request[]>`
    update requests set status = case when start_at > ${by.at} then 'scheduled' else 'queued' end, error_code = null, error = null, updated_at = ${by.at} where id = ${id} returning *`;
  if (row === undefined) throw notFound(`there is no request ${id}`);
  await insertEvent(sql, {
    subject: 'request',
    subjectId: id,
    requestId: id,
    from: 'awaiting_approval',
    to: row.status,
    cause: 'approved',
    at: by.at,
    actor: by.actor,
  });
  return row;
}

/** An item that failed and was not bought. `phoneNumber` is null for a slot that no search could fill. */
export interface FailedItem {
  phoneNumber: string | null;
  lineId: string | null;
}

/**
 * Returns what a request failed to do and a retry may ask for, in its order. A bought number is left out, because it must not be
 * bought again.
 */
export async function failedItems(sql: SqlOrTx, requestId: string): Promise<FailedItem[]> {
  return sql<FailedItem[]>`
    select phone_number, line_id from items
    where request_id = ${requestId} and status = 'failed' and bought_at is null order by position`;
}

/** Records for people what an open request waits for. A change of the status clears it. A paused request keeps the reason of its pause. */
export async function noteTrouble(sql: SqlOrTx, id: string, code: TroubleCode, text: string): Promise<void> {
  await sql`update requests set error_code = ${code}, error = ${text} where id = ${id} and finished_at is null and status <> 'paused'`;
}

/**
 * Records that a person wants the request cancelled, with an event for the first one who does. Nothing holds it from then on, so that
 * what is left of it can end. Returns `null` when it has already ended.
 */
export async function requestCancel(sql: SqlOrTx, id: string, by: { actor: string; at: Date }): Promise<Request | null> {
  const rows = await sql<(Request & { isFirst: boolean })[]>`
    with before as (select cancel_requested_at from requests where id = ${id} for no key update)
    update requests set cancel_requested_at = coalesce(requests.cancel_requested_at, ${by.at}), paused_at = null, start_at = null,
      updated_at = ${by.at}
    from before where id = ${id} and finished_at is null
    returning requests.*, before.cancel_requested_at is null as is_first`;
  const [row] = rows;
  if (row === undefined) return null;
  const { isFirst, ...request } = row;
  const event = { subject: 'request', subjectId: id, requestId: id, from: request.status, cause: 'cancel_requested' } as const;
  if (isFirst) await insertEvent(sql, { ...event, ...by });
  return request;
}

/**
 * Returns requests whose status may be behind their rows, for the sweep: nothing is open any more, or nothing is at work although
 * they run. A worker that dies after a settlement leaves such a request. A scheduled request is behind when its start has come.
 */
export async function requestsBehind(sql: SqlOrTx, now: Date, limit: number): Promise<string[]> {
  const rows = await sql<{ id: string }[]>`
    select r.id from requests r
    where r.finished_at is null
      and (
        not exists (select 1 from items i where i.request_id = r.id and i.status = any(${OPEN_ITEM_STATUSES}::text[]))
        or (r.status in ('queued', 'running')
          and not exists (select 1 from chunks where request_id = r.id and state <> all(${FINAL_STATES}::text[]) and ${isAtWork(sql)})
          and not exists (${searchingLines(sql, sql`r.id`)}))
        or (r.status = 'scheduled' and r.start_at <= ${now})
      )
    order by r.seq limit ${limit}`;
  return rows.map((r) => r.id);
}
