import type { TroubleCode } from '../domain/codes.ts';
import { endsIn, type ItemCounts } from '../domain/request.ts';
import { type Chunk, runFrom, wakeParked } from './chunks.ts';
import type { SqlOrTx } from './client.ts';
import { insertEvent } from './events.ts';
import type { Line } from './lines.ts';
import type { Request } from './requests.ts';

/** Why a request pauses. `actor` is the person who wants it; without it, a rule of the request does. */
export interface Pause {
  code: Extract<TroubleCode, 'paused' | 'canary_failed' | 'too_many_failures'>;
  text: string;
  at: Date;
  actor?: string;
}

/** Pauses a request that the caller has locked, and appends the event. No call of it leaves from the commit on. */
export async function pause(sql: SqlOrTx, request: Request, { code, text, at, actor }: Pause): Promise<void> {
  await sql`
    update requests set status = 'paused', paused_at = ${at}, error_code = ${code}, error = ${text}, updated_at = ${at}
    where id = ${request.id}`;
  await insertEvent(sql, {
    subject: 'request',
    subjectId: request.id,
    requestId: request.id,
    from: request.status,
    to: 'paused',
    cause: 'paused',
    at,
    ...(actor !== undefined && { actor }),
    detail: { code, text },
  });
}

/**
 * Ends the pause of a request that the caller has locked, and appends the event. The person accepts what paused it: a canary that was
 * not right counts as passed, and the failures until now count no more. `refreshRequest` gives it its new status.
 */
export async function resume(
  sql: SqlOrTx,
  request: Request,
  counts: ItemCounts,
  { at, actor }: { at: Date; actor: string },
): Promise<Request> {
  const passes = request.errorCode === 'canary_failed';
  const [row] = await sql<Request[]>`
    update requests set paused_at = null, error_code = null, error = null, updated_at = ${at},
      canary_passed_at = case when ${passes} then ${at} else canary_passed_at end,
      accepted_failed = ${counts.failed}, accepted_ended = ${endsIn(counts)}
    where id = ${request.id} returning *`;
  await insertEvent(sql, {
    subject: 'request',
    subjectId: request.id,
    requestId: request.id,
    from: 'paused',
    cause: 'resumed',
    at,
    actor,
  });
  return row ?? request;
}

/** Work that was held back and that its queue must get again, under new job ids. */
export interface Woken {
  chunks: Chunk[];
  lines: Line[];
}

/**
 * Makes the held work of a request due at `at`: planned chunks and buy lines without a next time. Call it while holding the request
 * lock, in the transaction that ends the hold, so that work which parks itself at this moment is not missed.
 */
export async function wakeHeld(sql: SqlOrTx, requestId: string, at: Date): Promise<Woken> {
  const chunks = await wakeParked(sql, requestId, at);
  const lines = await sql<Line[]>`
    update lines l set next_run_at = ${at}, requeues = requeues + 1, updated_at = ${at}
    where request_id = ${requestId} and next_run_at is null
      and exists (select 1 from items i where i.line_id = l.id and i.status = 'pending' and i.chunk_id is null) returning *`;
  return { chunks, lines: [...lines] };
}

/** Lets a request that was just stored wait: its chunks and buy lines are due at `startAt`, and not before. */
export async function startLater(sql: SqlOrTx, requestId: string, startAt: Date): Promise<void> {
  await runFrom(sql, requestId, startAt);
  await sql`update lines set next_run_at = ${startAt} where request_id = ${requestId}`;
}
