import { ProvisioningError } from '../domain/errors.ts';
import type { SearchCriteriaLine } from '../domain/request.ts';
import type { SqlOrTx } from './client.ts';
import type { Line } from './lines.ts';

/** A number that a buy line has claimed and priced, and that no order carries yet. */
export interface UnorderedNumber {
  phoneNumber: string;
  lineId: string;
  searchedAt: Date;
}

/** The buy lines of a request whose numbers may share an order: searches with the settings of `criteria`. */
const alike = (sql: SqlOrTx, requestId: string, c: SearchCriteriaLine) => sql`
  l.request_id = ${requestId} and l.criteria ->> 'kind' = 'search' and l.criteria ->> 'country_code' = ${c.country_code}
  and l.criteria ->> 'phone_number_type' = ${c.phone_number_type}
  and l.criteria ->> 'requirement_group_id' is not distinct from ${c.requirement_group_id ?? null}::text`;

/**
 * Returns the claimed numbers without an order of all buy lines whose numbers may share an order with those of `criteria`, line by
 * line. Call it while holding the request lock.
 */
export async function unorderedNumbers(
  sql: SqlOrTx,
  requestId: string,
  criteria: SearchCriteriaLine,
): Promise<UnorderedNumber[]> {
  return sql<UnorderedNumber[]>`
    select i.phone_number, i.line_id, i.searched_at from lines l join items i on i.line_id = l.id
    where ${alike(sql, requestId, criteria)} and i.status = 'pending' and i.chunk_id is null and i.searched_at is not null
    order by l.position, i.position`;
}

/**
 * True when another buy line of the request still searches for numbers that may share an order with those of `line`, and is due
 * before `soon`.
 */
export async function othersSearch(
  sql: SqlOrTx,
  line: Line,
  criteria: SearchCriteriaLine,
  { now, soon }: { now: Date; soon: Date },
): Promise<boolean> {
  const rows = await sql`
    select 1 from lines l
    where ${alike(sql, line.requestId, criteria)} and l.id <> ${line.id} and (l.lease_until > ${now} or l.next_run_at <= ${soon})
      and exists (select 1 from items i where i.line_id = l.id and i.status = 'pending' and i.phone_number is null) limit 1`;
  return rows.length > 0;
}

/**
 * Assigns claimed items to a chunk. Throws unless every number has an open item, because a number without one must never be
 * ordered.
 */
export async function assignChunk(sql: SqlOrTx, lineIds: string[], chunkId: string, numbers: string[], at: Date): Promise<void> {
  const { count } = await sql`
    update items set chunk_id = ${chunkId}, updated_at = ${at}
    where line_id = any(${lineIds}::text[]) and phone_number = any(${numbers}::text[]) and status = 'pending' and chunk_id is null`;
  if (count !== numbers.length)
    throw new ProvisioningError('items_moved', 'bug', `${numbers.length - count} numbers of chunk ${chunkId} have no open item`);
}
