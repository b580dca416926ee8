import { and, asc, count, desc, eq, getTableColumns, gt, isNotNull, max } from 'drizzle-orm';
import type { ReasonCode } from '../../domain/codes.ts';
import type { ItemStatus } from '../../domain/request.ts';
import type { Reads } from '../client.ts';
import type { Item } from '../items.ts';
import { pageByPage } from '../pages.ts';
import { items, lines } from '../schema/index.ts';

const STREAM_PAGE = 2_000;

/** An item with the position of its buy line, or `null` when the request has no lines. */
export type ItemRow = Item & { line: number | null };

export interface ItemFilter {
  status?: ItemStatus | undefined;
}

/** Returns a page of a request's items in the order of the request. `after` is the last id of the previous page. */
export async function listItems(
  reads: Reads,
  requestId: string,
  filter: ItemFilter,
  limit: number,
  after: number | null,
): Promise<ItemRow[]> {
  const wanted = and(
    eq(items.requestId, requestId),
    filter.status === undefined ? undefined : eq(items.status, filter.status),
    after === null ? undefined : gt(items.id, after),
  );
  return reads((q) =>
    q
      .select({ ...getTableColumns(items), line: lines.position })
      .from(items)
      .leftJoin(lines, eq(lines.id, items.lineId))
      .where(wanted)
      .orderBy(asc(items.id))
      .limit(limit),
  );
}

/** Yields all items of a request, page by page, without holding a connection. */
export function streamItems(reads: Reads, requestId: string, filter: ItemFilter = {}): AsyncGenerator<ItemRow> {
  return pageByPage(STREAM_PAGE, (behind) => listItems(reads, requestId, filter, STREAM_PAGE, behind?.id ?? null));
}

/** Returns why items of a request failed or were skipped, the most frequent code first, each with one example text. */
export async function reasonsOf(reads: Reads, requestId: string): Promise<{ code: ReasonCode; reason: string; count: number }[]> {
  const rows = await reads((q) =>
    q
      .select({ code: items.reasonCode, reason: max(items.reason), count: count() })
      .from(items)
      .where(and(eq(items.requestId, requestId), isNotNull(items.reasonCode)))
      .groupBy(items.reasonCode)
      .orderBy(desc(count())),
  );
  return rows.flatMap(({ code, reason, ...n }) => (code === null ? [] : [{ code, reason: reason ?? code, ...n }]));
}
