import { type ChunkCause, FINAL_STATES, FOLLOWED_STATES, isFinal, moveOf, WORKING_STATES } from '../domain/chunk.ts';
import type { TroubleCode } from '../domain/codes.ts';
import { ProvisioningError } from '../domain/errors.ts';
import type { Evidence } from '../domain/evidence.ts';
import type { Holds } from '../domain/hold.ts';
import { OPEN_ITEM_STATUSES } from '../domain/request.ts';
import type { Payload, Step } from '../domain/step.ts';
import type { SqlOrTx } from './client.ts';
import { customerReferenceOf, newChunkId } from './ids.ts';
import { byId } from './pages.ts';
import type { chunks } from './schema/index.ts';
import { hasFreeSlot } from './slots.ts';

export type Chunk = typeof chunks.$inferSelect;

/** The fields that a move may change besides the state. An absent field stays as it is. */
export interface ChunkPatch {
  numbers?: string[];
  payload?: Payload;
  telnyxId?: string | null;
  attempt?: number;
  leaseToken?: string | null;
  leaseUntil?: Date | null;
  nextRunAt?: Date | null;
  submittingAt?: Date;
  submittedAt?: Date;
  ambiguousAt?: Date;
  settledAt?: Date;
  polls?: number;
  waiting?: boolean;
  deadline?: Date | null;
  evidence?: Evidence;
  errorCode?: TroubleCode | null;
  error?: string | null;
}

export interface Move {
  cause: ChunkCause;
  at: Date;
  patch?: ChunkPatch;
  actor?: string;
  detail?: Record<string, unknown>;
  /** For a move that changes the state of items: how many items must change with it. Any other count is a bug. */
  items?: number;
  /** The move is made only while fewer job slots than this are taken. The caller holds the lock of `lockForSlot`. */
  freeSlotOf?: number;
}

/**
 * The one function that changes the state of a chunk. One statement compares and sets the state (and the lease, when the given
 * chunk has one), changes the state of the chunk's items by the table of moves, and writes the event row. Lock the request first
 * when the move changes items. Returns `null` when another worker moved the chunk first, which is normal. Errors: `illegal_move`,
 * `items_moved` (both bugs).
 */
export async function moveChunk(sql: SqlOrTx, chunk: Chunk, move: Move): Promise<Chunk | null> {
  const legal = moveOf(chunk.state, move.cause);
  if (legal === null) {
    throw new ProvisioningError('illegal_move', 'bug', `chunk ${chunk.id}: no move "${move.cause}" from ${chunk.state}`);
  }
  const { to } = legal;
  // The trouble on the way to an end is over. An end that has a reason of its own brings it in the patch.
  const values = patchValues({
    ...(isFinal(to) ? { errorCode: null, error: null } : {}),
    ...move.patch,
    ...(isFinal(to) ? { nextRunAt: null, settledAt: move.at } : {}),
  });
  const rows = await sql<(Chunk & { itemsMoved: number })[]>`
    with moved as (
      update chunks set ${sql({ ...values, state: to, updatedAt: move.at })}, generation = generation + 1
      where id = ${chunk.id} and state = ${chunk.state} and generation = ${chunk.generation}
        and lease_token is not distinct from ${chunk.leaseToken} ${move.freeSlotOf === undefined ? sql`` : sql`and ${hasFreeSlot(sql, move.freeSlotOf)}`}
      returning *
    ), noted as (
      insert into events (at, subject, subject_id, from_state, to_state, cause, request_id, chunk_id, actor, detail)
      select ${move.at}, 'chunk', id, ${chunk.state}, ${to}, ${move.cause}, request_id, id, ${move.actor ?? null},
        ${JSON.stringify(move.detail ?? null)}::text::jsonb
      from moved
    ), carried as (
      update items i set status = ${legal.items ?? null}, updated_at = ${move.at} from moved
      where ${legal.items ?? null}::text is not null and i.chunk_id = moved.id and i.status = any(${OPEN_ITEM_STATUSES}::text[])
      returning 1
    )
    select *, (select count(*)::int from carried) as items_moved from moved`;
  const [row] = rows;
  if (row === undefined) return null;
  const { itemsMoved, ...moved } = row;
  if (move.items !== undefined && move.items !== itemsMoved) {
    const text = `chunk ${chunk.id} carries ${move.items} numbers for ${itemsMoved} items`;
    throw new ProvisioningError('items_moved', 'bug', text);
  }
  return moved;
}

/** Notes progress without a move (a poll, a check). Returns `null` when the chunk has moved meanwhile. */
export async function touchChunk(sql: SqlOrTx, chunk: Chunk, at: Date, patch: ChunkPatch): Promise<Chunk | null> {
  const [row] = await sql<Chunk[]>`
    update chunks set ${sql({ ...patchValues(patch), updatedAt: at })}
    where id = ${chunk.id} and state = ${chunk.state} and generation = ${chunk.generation}
    returning *`;
  return row ?? null;
}

/** The driver encodes objects for jsonb columns. It would encode a string twice, so never pass one. */
function patchValues(patch: ChunkPatch): Record<string, unknown> {
  const { evidence, payload, ...rest } = patch;
  return { ...rest, ...(evidence !== undefined && { evidence }), ...(payload !== undefined && { payload }) };
}

export interface NewChunk {
  requestId: string;
  lineId: string | null;
  position: number;
  numbers: string[];
  step: Step;
  nextSteps: Step[];
  at: Date;
  /** The earliest moment of the first queue job. */
  notBefore?: Date;
  /** The attempts of the chunk whose remaining numbers this one carries. */
  attempt?: number;
  /** The evidence of earlier calls for these numbers. */
  evidence?: Evidence;
  /** Which of the numbers may have left in calls of their own, before the call of this chunk. */
  payload?: Payload;
  /** Numbers keep being in flight when the chunk carries on a request's earlier step. */
  cause: 'planned' | 'next_step' | 'split';
}

/** Inserts a planned chunk with its numbers, its reference and its first event row. */
export async function insertChunk(sql: SqlOrTx, c: NewChunk): Promise<Chunk> {
  const id = newChunkId();
  const [row] = await sql<Chunk[]>`
    with made as (
      insert into chunks (id, request_id, line_id, position, kind, state, numbers, step, next_steps, customer_reference,
        attempt, evidence, payload, next_run_at, created_at, updated_at)
      values (${id}, ${c.requestId}, ${c.lineId}, ${c.position}, ${c.step.kind}, 'planned', ${c.numbers}::text[],
        ${JSON.stringify(c.step)}::text::jsonb, ${JSON.stringify(c.nextSteps)}::text::jsonb, ${customerReferenceOf(id)},
        ${c.attempt ?? 0}, ${c.evidence === undefined ? null : JSON.stringify(c.evidence)}::text::jsonb,
        ${c.payload === undefined ? null : JSON.stringify(c.payload)}::text::jsonb, ${c.notBefore ?? c.at}, ${c.at}, ${c.at})
      returning *
    ), noted as (
      insert into events (at, subject, subject_id, to_state, cause, request_id, chunk_id)
      select ${c.at}, 'chunk', id, 'planned', ${c.cause}, request_id, id from made
    )
    select * from made`;
  if (row === undefined) throw new ProvisioningError('insert_failed', 'bug', 'a chunk was not inserted');
  return row;
}

/** Returns a chunk with what may hold its request back, or `null` when there is no chunk with this id. */
export async function getChunkAtWork(sql: SqlOrTx, id: string): Promise<{ chunk: Chunk; request: Holds } | null> {
  const [row] = await sql<(Chunk & Omit<Holds, 'kind'> & { requestKind: Holds['kind'] })[]>`
    select c.*, r.kind as request_kind, r.cancel_requested_at, r.paused_at, r.start_at, r.canary, r.canary_passed_at,
      r.all_or_nothing, r.all_claimed_at
    from chunks c join requests r on r.id = c.request_id where c.id = ${id}`;
  if (row === undefined) return null;
  const { requestKind, cancelRequestedAt, pausedAt, startAt, canary, canaryPassedAt, allOrNothing, allClaimedAt, ...chunk } = row;
  const holds = { cancelRequestedAt, pausedAt, startAt, canary, canaryPassedAt, allOrNothing, allClaimedAt };
  return { chunk, request: { kind: requestKind, ...holds } };
}

/** Returns a chunk, or `null` when there is none with this id. */
export async function getChunk(sql: SqlOrTx, id: string): Promise<Chunk | null> {
  const [row] = await sql<Chunk[]>`select * from chunks where id = ${id}`;
  return row ?? null;
}

/** Returns the chunks of a request by position. */
export async function chunksOfRequest(sql: SqlOrTx, requestId: string): Promise<Chunk[]> {
  return sql<Chunk[]>`select * from chunks where request_id = ${requestId} order by position, id`;
}

/**
 * Returns the open chunk of an order, by Telnyx's id or by our reference. The reference also finds an order whose reply was lost.
 * Returns `null` when no such chunk is open.
 */
export async function openChunkOfOrder(
  sql: SqlOrTx,
  order: { id: string | null; customerReference: string | null },
): Promise<Chunk | null> {
  const [row] = await sql<Chunk[]>`
    select * from chunks
    where kind = 'order' and state = any(${FOLLOWED_STATES}::text[])
      and (telnyx_id = ${order.id}::text or customer_reference = ${order.customerReference}::text)
    order by telnyx_id is not distinct from ${order.id}::text desc limit 1`;
  return row ?? null;
}

/** True when Telnyx accepted an order of this request with exactly these settings. Then the settings are not at fault. */
export async function wasAccepted(sql: SqlOrTx, requestId: string, step: Step): Promise<boolean> {
  const rows = await sql`
    select 1 from chunks
    where request_id = ${requestId} and kind = 'order' and telnyx_id is not null and step = ${JSON.stringify(step)}::text::jsonb limit 1`;
  return rows.length > 0;
}

/** True when another part of a halved order may still be accepted: it is open and was not refused yet. */
export async function hasUndecidedPart(
  sql: SqlOrTx,
  halved: { requestId: string; id: string },
  except: string,
): Promise<boolean> {
  const rows = await sql`
    select 1 from chunks
    where request_id = ${halved.requestId} and id <> ${except} and state = any(${WORKING_STATES}::text[])
      and evidence -> 'history' -> 'bisect' ->> 'of' = ${halved.id}
      and evidence -> 'history' -> 'bisect' ->> 'refused' is null limit 1`;
  return rows.length > 0;
}

/**
 * Yields every open chunk whose next queue job was due before `dueBefore`, by id, page by page. It yields all of them, because a
 * cut-off list of chunks that wait in a long queue could hide one that the queue has lost. Chunks that wait for a person are left
 * out.
 */
export function overdueChunks(sql: SqlOrTx, dueBefore: Date, page: number): AsyncGenerator<Chunk> {
  return byId(
    page,
    (behind, limit) => sql<Chunk[]>`
      select * from chunks
      where next_run_at < ${dueBefore} and state = any(${WORKING_STATES}::text[]) and id > ${behind}
      order by id limit ${limit}`,
  );
}

/** Claimed chunks whose lease has run out. The outcome of their calls is unknown. */
export async function expiredCalls(sql: SqlOrTx, now: Date, limit: number): Promise<Chunk[]> {
  return sql<Chunk[]>`
    select * from chunks where state = 'submitting' and lease_until < ${now} order by lease_until limit ${limit}`;
}

/** Gives an open chunk a new job id, because the queue lost or finished the old job. */
export async function requeueChunk(sql: SqlOrTx, chunk: Chunk): Promise<Chunk | null> {
  const [row] = await sql<Chunk[]>`
    update chunks set requeues = requeues + 1
    where id = ${chunk.id} and requeues = ${chunk.requeues} and state <> all(${FINAL_STATES}::text[])
    returning *`;
  return row ?? null;
}

/** Makes the parked chunks of a request due at `at`, under new job ids. A parked chunk is planned and has no next time. */
export async function wakeParked(sql: SqlOrTx, requestId: string, at: Date): Promise<Chunk[]> {
  return sql<Chunk[]>`
    update chunks set next_run_at = ${at}, requeues = requeues + 1
    where request_id = ${requestId} and state = 'planned' and next_run_at is null returning *`;
}

/** Lets the chunks of a request that was just stored wait until `startAt`. */
export async function runFrom(sql: SqlOrTx, requestId: string, startAt: Date): Promise<void> {
  await sql`update chunks set next_run_at = ${startAt} where request_id = ${requestId}`;
}

/** The open chunks of a request: how many wait for a person, how many wait for paperwork, and how many others there are. */
export interface OpenChunks {
  needsAttention: number;
  waiting: number;
  other: number;
}

/** Counts the open chunks of a request. Settled chunks are not read, because a large request has many of them. */
export async function countOpenChunks(sql: SqlOrTx, requestId: string): Promise<OpenChunks> {
  const [row] = await sql<OpenChunks[]>`
    select count(*) filter (where state = 'needs_attention')::int as needs_attention,
      count(*) filter (where state = 'submitted' and waiting)::int as waiting,
      count(*) filter (where ${isAtWork(sql)})::int as other
    from chunks where request_id = ${requestId} and state <> all(${FINAL_STATES}::text[])`;
  return row ?? { needsAttention: 0, waiting: 0, other: 0 };
}

/** True for a chunk whose next move comes from us or soon from Telnyx: it waits neither for a person nor for paperwork. */
export const isAtWork = (sql: SqlOrTx) => sql`
  state = any(${WORKING_STATES}::text[]) and not (state = 'submitted' and waiting)`;
