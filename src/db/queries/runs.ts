import { asc, count, desc, eq, inArray, lt } from 'drizzle-orm';
import type { Reads } from '../client.ts';
import type { Run } from '../runs.ts';
import { phoneNumbers, requests, runs, sightings } from '../schema/index.ts';

/** Returns a reconciliation run, or `null` when there is none with this id. */
export async function findRun(reads: Reads, id: string): Promise<Run | null> {
  const [row] = await reads((q) => q.select().from(runs).where(eq(runs.id, id)));
  return row ?? null;
}

/** Returns a page of reconciliation runs, newest first. Ids sort by time, so `before` is the last id of the previous page. */
export async function listRuns(reads: Reads, limit: number, before: string | null): Promise<Run[]> {
  const wanted = before === null ? undefined : lt(runs.id, before);
  return reads((q) => q.select().from(runs).where(wanted).orderBy(desc(runs.id)).limit(limit));
}

/** Returns the update requests that each of these runs filed as repairs, oldest first. */
export async function repairsFiledBy(reads: Reads, runIds: string[]): Promise<Map<string, string[]>> {
  const filed = new Map<string, string[]>();
  if (runIds.length === 0) return filed;
  const rows = await reads((q) =>
    q
      .select({ id: requests.id, filedBy: requests.filedBy })
      .from(requests)
      .where(inArray(requests.filedBy, runIds))
      .orderBy(asc(requests.seq)),
  );
  for (const { id, filedBy } of rows) if (filedBy !== null) filed.set(filedBy, [...(filed.get(filedBy) ?? []), id]);
  return filed;
}

/** How many numbers a run under way has read, and how many the inventory holds as ours: about as many as there are to read. */
export async function progressOfRun(reads: Reads, id: string): Promise<{ read: number; known: number }> {
  const [[read], [known]] = await Promise.all([
    reads((q) => q.select({ n: count() }).from(sightings).where(eq(sightings.runId, id))),
    reads((q) => q.select({ n: count() }).from(phoneNumbers).where(eq(phoneNumbers.state, 'owned'))),
  ]);
  return { read: read?.n ?? 0, known: known?.n ?? 0 };
}
