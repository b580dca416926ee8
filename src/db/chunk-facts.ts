import type { ChunkCause } from '../domain/chunk.ts';
import type { SqlOrTx } from './client.ts';

/** Of these ids at Telnyx, those that another chunk follows. */
export async function idsFollowedByOthers(sql: SqlOrTx, chunkId: string, telnyxIds: string[]): Promise<Set<string>> {
  const rows = await sql<{ telnyxId: string }[]>`
    select telnyx_id from chunks where telnyx_id = any(${telnyxIds}::text[]) and id <> ${chunkId}`;
  return new Set(rows.map((r) => r.telnyxId));
}

/** Of these numbers, those of which the request sent a release before that was then held to be lost. */
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

/** The causes by which a chunk that left is planned again, because its call is held to be lost. */
const HELD_TO_BE_LOST: readonly ChunkCause[] = ['not_sent', 'declare_not_sent'];

/** The position of the next chunk of a request: as many as it has. Call it behind the request's lock. */
export async function nextPosition(sql: SqlOrTx, requestId: string): Promise<number> {
  const [row] = await sql<{ n: number }[]>`select count(*)::int as n from chunks where request_id = ${requestId}`;
  return row?.n ?? 0;
}
