import type { ReasonCode } from '../domain/codes.ts';
import { plannedSize, type Step } from '../domain/step.ts';
import type { SqlOrTx } from './client.ts';
import { copyField, sendCopy } from './copy-field.ts';
import { customerReferenceOf, newChunkId } from './ids.ts';

/** Creates a temporary table for an incoming list of numbers. Thanks to it, items are inserted once and need no update. */
export async function createIncoming(sql: SqlOrTx): Promise<void> {
  await sql`
    create temp table incoming (phone_number text not null, position int not null, place text not null, steps text) on commit drop`;
}

/**
 * Adds numbers by COPY, each with its place in the user's input and, where the list brings values row by row, its steps as JSON; equal
 * texts share chunks. `from` is the position of the first one.
 */
export async function stageNumbers(
  sql: SqlOrTx,
  rows: readonly { number: string; at: string; steps?: string }[],
  from: number,
): Promise<void> {
  let lines = '';
  for (const [i, { number, at, steps = null }] of rows.entries())
    lines += `${copyField(number)}\t${from + i}\t${copyField(at)}\t${copyField(steps)}\n`;
  await sendCopy(sql`copy incoming (phone_number, position, place, steps) from stdin`, lines);
}

export interface DuplicateNumbers {
  count: number;
  first: { phoneNumber: string; place: string; first: string }[];
}

/**
 * Returns the first numbers that the list repeats, with both places, in list order, and how many rows are repeats. It covers all
 * of them, or only those whose values differ from the first ones of their number.
 */
export async function duplicatesIncoming(
  sql: SqlOrTx,
  which: 'all' | 'with other values',
  limit: number,
): Promise<DuplicateNumbers> {
  const rows = await sql<{ phoneNumber: string; place: string; first: string; count: number }[]>`
    select phone_number, place, first, (count(*) over ())::int as count from (
      select phone_number, place, position, first_value(place) over same as first, row_number() over same as nth,
        steps is distinct from first_value(steps) over same as differs
      from incoming
      where phone_number in (select phone_number from incoming group by phone_number having count(*) > 1)
      window same as (partition by phone_number order by position)
    ) repeated
    where nth > 1 and (${which === 'all'} or differs) order by position limit ${limit}`;
  return { count: rows[0]?.count ?? 0, first: rows.map(({ count: _count, ...row }) => row) };
}

/** Removes repeated numbers and closes the gaps, in list order. Returns how many it removed. */
export async function dropRepeats(sql: SqlOrTx): Promise<number> {
  const { count } = await sql`
    with counted as (select position, row_number() over (partition by phone_number order by position) as nth from incoming)
    delete from incoming i using counted c where c.position = i.position and c.nth > 1`;
  await sql`
    with placed as (select position, row_number() over (order by position) - 1 as place from incoming)
    update incoming i set position = p.place from placed p where p.position = i.position and p.place <> i.position`;
  return count;
}

/**
 * Ends the listed numbers that have already left the account, and removes them from the list. It covers only numbers that the
 * inventory remembers, because an unknown number may be a typing error. Returns how many.
 */
export async function skipGone(sql: SqlOrTx, requestId: string, at: Date): Promise<number> {
  const { count } = await sql`
    with gone as (
      delete from incoming i using phone_numbers p where p.phone_number = i.phone_number and p.state <> 'owned'
      returning i.phone_number, i.position, p.state
    )
    insert into items (request_id, position, phone_number, status, reason_code, reason, updated_at)
    select ${requestId}, position, phone_number, 'skipped', ${'already_gone' satisfies ReasonCode},
      'it had left the account before its release was asked for: the inventory calls it ' || state, ${at}
    from gone`;
  return count;
}

/** The first numbers of a release that are not ours by the inventory, and how many there are; `state` is null for one it never knew. */
export async function notOwnedAmong(
  sql: SqlOrTx,
  requestId: string,
  limit: number,
): Promise<{ first: { phoneNumber: string; state: string | null }[]; count: number; gone: number }> {
  const rows = await sql<{ phoneNumber: string; state: string | null; count: number; gone: number }[]>`
    select i.phone_number, p.state, (count(*) over ())::int as count, (count(p.state) over ())::int as gone
    from items i left join phone_numbers p using (phone_number)
    where i.request_id = ${requestId} and i.status = 'pending' and p.state is distinct from 'owned' order by 1 limit ${limit}`;
  const [any] = rows;
  return { first: rows.map(({ phoneNumber, state }) => ({ phoneNumber, state })), count: any?.count ?? 0, gone: any?.gone ?? 0 };
}

/** Turns the list into items of a buy line. Searches price them later. */
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
 * Cuts the list into planned chunks and inserts their items, in set-wise statements. `size` is the size of a batch; see
 * `plannedSize`. The list is sorted by number, so that a chunk has few prefixes: reading numbers back costs one call for each
 * prefix. The first `canary` numbers get a chunk of their own.
 */
export async function chunksFromIncoming(
  sql: SqlOrTx,
  c: { requestId: string; count: number; size: number; canary: number; step: Step; nextSteps: Step[]; at: Date },
): Promise<CutChunk[]> {
  const size = plannedSize(c.step, c.size);
  const canaries = c.canary > 0 ? 1 : 0;
  const ids = Array.from({ length: canaries + Math.ceil((c.count - c.canary) / size) }, newChunkId);
  const references = ids.map(customerReferenceOf);
  await sql`
    create temp table placed on commit drop as
    select phone_number, position,
      case when nth <= ${c.canary} then 0 else (${canaries}::int + (nth - ${c.canary}::int - 1) / ${size}::int)::int end as k
    from (select *, row_number() over (order by phone_number collate "C") as nth from incoming) sorted`;
  await sql`
    with made as (
      insert into chunks (id, request_id, position, kind, state, numbers, step, next_steps, customer_reference, next_run_at,
        created_at, updated_at)
      select (${ids}::text[])[k + 1], ${c.requestId}, k, ${c.step.kind}, 'planned', array_agg(phone_number order by phone_number collate "C"),
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
