import type { ChunkCause } from '../domain/chunk.ts';
import type { SqlOrTx } from './client.ts';

/** Returns those of the Telnyx ids that another chunk follows. */
export async function idsFollowedByOthers(sql: SqlOrTx, chunkId: string, telnyxIds: string[]): Promise<Set<string>> {
  const rows = await sql<{ telnyxId: string }[]>`
    select telnyx_id from chunks where telnyx_id = any(${telnyxIds}::text[]) and id <> ${chunkId}`;
  return new Set(rows.map((r) => r.telnyxId));
}

/** Returns those of the numbers for which this request sent a release earlier, and that release was then judged as lost. */
export async function numbersOfLostReleases(sql: SqlOrTx, requestId: string, numbers: string[]): Promise<Set<string>> {
  const rows = await sql<{ number: string }[]>`
    select distinct n.number from chunks c cross join lateral unnest(c.numbers) as n(number)
    where c.request_id = ${requestId} and c.kind = 'delete' and n.number = any(${numbers}::text[])
      and exists (
        select 1 from events e
        where e.subject = 'chunk' and e.subject_id = c.id and e.cause = any(${HELD_TO_BE_LOST}::text[])
      )`;
  return new Set(rows.map((r) => r.number));
}

/** The causes by which a chunk is planned again after its call was judged as lost. */
const HELD_TO_BE_LOST: readonly ChunkCause[] = ['not_sent', 'declare_not_sent'];

/**
 * Returns the position of the next chunk of a request, which is the number of its chunks. Call it while holding the request lock.
 */
export async function nextPosition(sql: SqlOrTx, requestId: string): Promise<number> {
  const [row] = await sql<{ n: number }[]>`select count(*)::int as n from chunks where request_id = ${requestId}`;
  return row?.n ?? 0;
}
