import { and, asc, count, eq, getTableColumns, gt, inArray } from 'drizzle-orm';
import { type DriftKind, type DriftState, OPEN_KINDS, type OpenKind } from '../../domain/reconciliation.ts';
import { OPEN_ITEM_STATUSES } from '../../domain/request.ts';
import type { QueryBuilder, Reads } from '../client.ts';
import { pageByPage } from '../pages.ts';
import { drift, driftAgain, items } from '../schema/index.ts';

const STREAM_PAGE = 2_000;

/** A drift row as people see it. An open row shows `repairing` while a repair of it is under way. */
export type Drift = Omit<typeof drift.$inferSelect, 'state'> & { state: DriftState };

export interface DriftFilter {
  /** Only open rows. */
  open?: boolean;
}

/** True when a run found a row, for the first time or again. */
const foundBy = (q: QueryBuilder, runId: string) =>
  inArray(
    drift.id,
    q
      .select({ id: drift.id })
      .from(drift)
      .where(eq(drift.runId, runId))
      .unionAll(q.select({ id: driftAgain.driftId }).from(driftAgain).where(eq(driftAgain.runId, runId))),
  );

/** The open items with which the last repair of a row still works on its number. */
const repairing = (q: QueryBuilder) =>
  q.$count(
    items,
    and(
      eq(items.requestId, drift.repairRequestId),
      eq(items.phoneNumber, drift.phoneNumber),
      inArray(items.status, OPEN_ITEM_STATUSES),
    ),
  );

/** Returns what a run found, in the order of the findings. `after` is the last id of the previous page. */
export async function listDrift(
  reads: Reads,
  runId: string,
  limit: number,
  after: number | null,
  filter: DriftFilter = {},
): Promise<Drift[]> {
  const rows = await reads((q) =>
    q
      .select({ ...getTableColumns(drift), repairs: repairing(q) })
      .from(drift)
      .where(
        and(
          foundBy(q, runId),
          filter.open === true ? eq(drift.state, 'open') : undefined,
          after === null ? undefined : gt(drift.id, after),
        ),
      )
      .orderBy(asc(drift.id))
      .limit(limit),
  );
  return rows.map(({ repairs, ...row }) => (row.state === 'open' && repairs > 0 ? { ...row, state: 'repairing' } : row));
}

/** Yields everything that a run found, page by page, without holding a connection. */
export function streamDrift(reads: Reads, runId: string): AsyncGenerator<Drift> {
  return pageByPage(STREAM_PAGE, (last) => listDrift(reads, runId, STREAM_PAGE, last?.id ?? null));
}

/** Counts of open differences by kind: rows for `changed` (one for each field), numbers for the others. */
export type OpenDrift = Record<OpenKind, number>;

export const NOTHING_OPEN: OpenDrift = { changed: 0, missing: 0, surplus: 0 };

export const isOpen = (open: OpenDrift): boolean => open.changed + open.missing + open.surplus > 0;

/** Returns the open differences that each of these runs found, for the first time or again. */
export async function openOfRuns(reads: Reads, runIds: string[]): Promise<Map<string, OpenDrift>> {
  if (runIds.length === 0) return new Map();
  const rows = await reads((q) => {
    const found = q
      .select({ runId: drift.runId, kind: drift.kind })
      .from(drift)
      .where(and(eq(drift.state, 'open'), inArray(drift.runId, runIds)))
      .unionAll(
        q
          .select({ runId: driftAgain.runId, kind: drift.kind })
          .from(driftAgain)
          .innerJoin(drift, eq(drift.id, driftAgain.driftId))
          .where(and(eq(drift.state, 'open'), inArray(driftAgain.runId, runIds))),
      )
      .as('found');
    return q.select({ runId: found.runId, kind: found.kind, n: count() }).from(found).groupBy(found.runId, found.kind);
  });
  return gather(rows);
}

/** Returns all open drift, by the run that found it first. */
export async function openEverywhere(reads: Reads): Promise<Map<string, OpenDrift>> {
  const rows = await reads((q) =>
    q
      .select({ runId: drift.runId, kind: drift.kind, n: count() })
      .from(drift)
      .where(eq(drift.state, 'open'))
      .groupBy(drift.runId, drift.kind)
      .orderBy(asc(drift.runId)),
  );
  return gather(rows);
}

function gather(rows: readonly { runId: string; kind: DriftKind; n: number }[]): Map<string, OpenDrift> {
  const all = new Map<string, OpenDrift>();
  for (const { runId, kind, n } of rows) if (staysOpen(kind)) all.set(runId, { ...(all.get(runId) ?? NOTHING_OPEN), [kind]: n });
  return all;
}

const staysOpen = (kind: DriftKind): kind is OpenKind => OPEN_KINDS.some((k) => k === kind);
