import { and, count, desc, eq, inArray, isNotNull, lt, max, or, sum } from 'drizzle-orm';
import { FINAL_STATES } from '../../domain/chunk.ts';
import { HELD_ITEM_STATUSES, type ItemCounts, NO_ITEMS, type RequestKind, type RequestStatus } from '../../domain/request.ts';
import type { Reads } from '../client.ts';
import type { Costs } from '../items.ts';
import type { Request } from '../requests.ts';
import { chunks, items, requests } from '../schema/index.ts';

/** Returns a request, or `null` when there is none with this id. */
export async function findRequest(reads: Reads, id: string): Promise<Request | null> {
  const [row] = await reads((q) => q.select().from(requests).where(eq(requests.id, id)));
  return row ?? null;
}

export interface RequestFilter {
  status?: RequestStatus | undefined;
  kind?: RequestKind | undefined;
}

/** Returns a page of requests, newest first. `before` is the `seq` of the last request of the previous page. */
export async function listRequests(
  reads: Reads,
  filter: RequestFilter,
  limit: number,
  before: number | null,
): Promise<Request[]> {
  const { status, kind } = filter;
  const wanted = and(
    status === undefined ? undefined : eq(requests.status, status),
    kind === undefined ? undefined : eq(requests.kind, kind),
    before === null ? undefined : lt(requests.seq, before),
  );
  return reads((q) => q.select().from(requests).where(wanted).orderBy(desc(requests.seq)).limit(limit));
}

export interface RequestFigures {
  counts: ItemCounts;
  chunks: { total: number; settled: number };
  cost: Costs;
}

export const NO_FIGURES: RequestFigures = {
  counts: NO_ITEMS,
  chunks: { total: 0, settled: 0 },
  cost: { upfront: '0', monthly: '0', currency: null },
};

/**
 * Returns counts, chunks and cost of some requests, always computed from the rows. A request without items and chunks is left
 * out.
 */
export async function figuresOf(reads: Reads, ids: string[]): Promise<Map<string, RequestFigures>> {
  if (ids.length === 0) return new Map();
  const [itemRows, chunkRows, costRows] = await Promise.all([itemsOf(reads, ids), chunksOf(reads, ids), costsOf(reads, ids)]);
  const all = new Map<string, RequestFigures>();
  const of = (id: string): RequestFigures => all.get(id) ?? NO_FIGURES;
  for (const { id, status, n } of itemRows) all.set(id, { ...of(id), counts: { ...of(id).counts, [status]: n } });
  for (const { id, state, n } of chunkRows) {
    const { total, settled } = of(id).chunks;
    all.set(id, { ...of(id), chunks: { total: total + n, settled: settled + (FINAL_STATES.includes(state) ? n : 0) } });
  }
  for (const { id, upfront, monthly, currency } of costRows)
    all.set(id, { ...of(id), cost: { upfront: upfront ?? '0', monthly: monthly ?? '0', currency } });
  return all;
}

const itemsOf = (reads: Reads, ids: string[]) =>
  reads((q) =>
    q
      .select({ id: items.requestId, status: items.status, n: count() })
      .from(items)
      .where(inArray(items.requestId, ids))
      .groupBy(items.requestId, items.status),
  );

const chunksOf = (reads: Reads, ids: string[]) =>
  reads((q) =>
    q
      .select({ id: chunks.requestId, state: chunks.state, n: count() })
      .from(chunks)
      .where(inArray(chunks.requestId, ids))
      .groupBy(chunks.requestId, chunks.state),
  );

/** The cost that requests have bought or are about to buy. `committedCost` in `db/items.ts` uses the same rule for budgets. */
const costsOf = (reads: Reads, ids: string[]) =>
  reads((q) =>
    q
      .select({
        id: items.requestId,
        upfront: sum(items.upfrontCost),
        monthly: sum(items.monthlyCost),
        currency: max(items.currency),
      })
      .from(items)
      .where(
        and(
          inArray(items.requestId, ids),
          isNotNull(items.phoneNumber),
          or(isNotNull(items.boughtAt), inArray(items.status, HELD_ITEM_STATUSES)),
        ),
      )
      .groupBy(items.requestId),
  );
