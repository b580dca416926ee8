import type { Step } from '../domain/step.ts';
import type { SqlOrTx } from './client.ts';
import { customerReferenceOf, newChunkId } from './ids.ts';

/** A list of numbers on its way in lives in a temporary table: items are then written once, not inserted and updated. */
export async function createIncoming(sql: SqlOrTx): Promise<void> {
  await sql`create temp table incoming (phone_number text not null, position int not null) on commit drop`;
}

export async function stageNumbers(sql: SqlOrTx, numbers: string[], from: number): Promise<void> {
  await sql`
    insert into incoming select n.number, ${from} + n.ord - 1 from unnest(${numbers}::text[]) with ordinality as n(number, ord)`;
}

/** Numbers that are in the list more than once, with their places counted from 1. */
export async function duplicatesIncoming(sql: SqlOrTx, limit: number): Promise<{ phoneNumber: string; places: number[] }[]> {
  return sql<{ phoneNumber: string; places: number[] }[]>`
    select phone_number, array_agg(position + 1 order by position) as places from incoming
    group by phone_number having count(*) > 1 order by 2 limit ${limit}`;
}

/** Turns the list into items of a line of a buy; searches will price them. */
export async function itemsFromIncoming(
  sql: SqlOrTx,
  to: { requestId: string; lineId: string; from: number; at: Date },
): Promise<void> {
  await sql`
    insert into items (request_id, line_id, position, phone_number, status, updated_at)
    select ${to.requestId}, ${to.lineId}, ${to.from} + position, phone_number, 'pending', ${to.at} from incoming`;
}

export interface CutChunk {
  id: string;
  position: number;
}

/**
 * Cuts the list into planned chunks of `size` numbers and writes their items, all set-wise. Sorted by number, so that the
 * numbers of a chunk share as few prefixes as possible: reading them back costs one call a prefix.
 */
export async function chunksFromIncoming(
  sql: SqlOrTx,
  c: { requestId: string; count: number; size: number; step: Step; nextSteps: Step[]; at: Date },
): Promise<CutChunk[]> {
  const ids = Array.from({ length: Math.ceil(c.count / c.size) }, newChunkId);
  const references = ids.map(customerReferenceOf);
  await sql`
    create temp table placed on commit drop as
    select phone_number, position, ((row_number() over (order by phone_number) - 1) / ${c.size})::int as k from incoming`;
  await sql`
    with made as (
      insert into chunks (id, request_id, position, kind, state, numbers, step, next_steps, customer_reference, next_run_at,
        created_at, updated_at)
      select (${ids}::text[])[k + 1], ${c.requestId}, k, ${c.step.kind}, 'planned', array_agg(phone_number order by phone_number),
        ${JSON.stringify(c.step)}::text::jsonb, ${JSON.stringify(c.nextSteps)}::text::jsonb, (${references}::text[])[k + 1], ${c.at},
        ${c.at}, ${c.at}
      from placed group by k
      returning id, request_id
    )
    insert into events (at, subject, subject_id, to_state, cause, request_id, chunk_id)
    select ${c.at}, 'chunk', id, 'planned', 'planned', request_id, id from made`;
  await sql`
    insert into items (request_id, chunk_id, position, phone_number, status, updated_at)
    select ${c.requestId}, (${ids}::text[])[k + 1], position, phone_number, 'pending', ${c.at} from placed order by k`;
  return ids.map((id, position) => ({ id, position }));
}
