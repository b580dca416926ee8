import { asError } from '../domain/errors.ts';
import { OPEN_ITEM_STATUSES } from '../domain/request.ts';
import { databaseCode } from './away.ts';
import type { Chunk } from './chunks.ts';
import type { SqlOrTx } from './client.ts';

/** What became of the wish to hold all numbers of a chunk. */
export type Taken =
  | { kind: 'taken' }
  /** The account gate is closed, for this reason. */
  | { kind: 'gate_closed'; reasonCode: string | null }
  /** An older request still owes something to one of the numbers. */
  | { kind: 'waits_for'; requestId: string }
  /** Another request holds one of the numbers, or another worker moved the chunk. */
  | { kind: 'held_elsewhere' };

const UNIQUE_VIOLATION = '23505';

/**
 * Claims all numbers of a chunk for its request, or none of them, in one statement. The older request goes first, so that the last
 * change that was asked for wins; one that is paused or has not started keeps nobody waiting. Claims that the request has already are kept and not questioned; otherwise two requests could wait
 * for each other. The row of the chunk is locked, because nobody would ever release a claim for a chunk that is over. A gate that is
 * closed for one of the reasons `passable` lets the call through. Rows are inserted in sorted order, so that two requests cannot
 * deadlock.
 */
export async function takeNumbers(sql: SqlOrTx, chunk: Chunk, at: Date, passable: readonly string[]): Promise<Taken> {
  const take = () => takeAll(sql, chunk, at, passable);
  // After a violation the other claim is committed, so a second try reads whose it is: another run of this chunk, or another request.
  const rows = (await take()) ?? (await take());
  if (rows === null) return { kind: 'held_elsewhere' };
  const [row] = rows;
  if (row === undefined) throw new Error('the account row is missing: run `provisioner migrate`');
  if (!row.letsThrough) return { kind: 'gate_closed', reasonCode: row.reasonCode };
  if (row.free === 0 || row.taken === row.free) return { kind: 'taken' };
  return row.earlier === null ? { kind: 'held_elsewhere' } : { kind: 'waits_for', requestId: row.earlier };
}

/** The statement of `takeNumbers`; `null` when a claim of the same moment made it do nothing. */
async function takeAll(sql: SqlOrTx, chunk: Chunk, at: Date, passable: readonly string[]): Promise<Answer[] | null> {
  const { requestId, numbers } = chunk;
  return await sql<Answer[]>`
    with gate as materialized (
      select gate_open or coalesce(reason_code, '') = any(${[...passable]}::text[]) as lets_through, reason_code from account where id = 1
    ), held as materialized (
      select phone_number from claims where phone_number = any(${numbers}::text[]) and request_id = ${requestId}
    ), free as materialized (
      select n from unnest(${numbers}::text[]) as n where not exists (select 1 from held h where h.phone_number = n)
    ), earlier as materialized (
      select i.request_id from items i join requests theirs on theirs.id = i.request_id
      where exists (${olderThan(sql, requestId)}) and i.phone_number = any(${numbers}::text[])
        and i.status = any(${OPEN_ITEM_STATUSES}::text[]) and i.phone_number in (select n from free)
        and theirs.kind <> 'buy' and theirs.status not in ('paused', 'scheduled') and theirs.seq < (select seq from requests where id = ${requestId})
      order by theirs.seq limit 1
    ), unmoved as materialized (
      select 1 from chunks
      where id = ${chunk.id} and state = ${chunk.state} and generation = ${chunk.generation} for no key update
    ), taken as (
      insert into claims (phone_number, request_id, claimed_at)
      select n, ${requestId}, ${at} from free
      where (select lets_through from gate) and not exists (select 1 from earlier)
        and not exists (select 1 from claims c where c.phone_number = any(${numbers}::text[]) and c.request_id <> ${requestId})
        and exists (select 1 from unmoved)
      order by n
      returning 1
    )
    select lets_through, reason_code, (select request_id from earlier) as earlier, (select count(*)::int from free) as free,
      (select count(*)::int from taken) as taken
    from gate`.catch(asNothing);
}

interface Answer {
  letsThrough: boolean;
  reasonCode: string | null;
  earlier: string | null;
  free: number;
  taken: number;
}

/** Open requests that were accepted before this one. Usually there is none, and then no item is read. */
const olderThan = (sql: SqlOrTx, requestId: string) => sql`
  select 1 from requests o
  where o.finished_at is null and o.kind <> 'buy' and o.status not in ('paused', 'scheduled') and o.seq < (select seq from requests where id = ${requestId})`;

/** Somebody claimed one of the numbers at the same moment, so the whole statement did nothing. */
function asNothing(error: unknown): null {
  if (databaseCode(asError(error)) === UNIQUE_VIOLATION) return null;
  throw error;
}
