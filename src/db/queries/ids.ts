import { desc, like, or } from 'drizzle-orm';
import type { IdPrefix } from '../../domain/id-part.ts';
import type { Reads } from '../client.ts';
import { chunks, plans, requests, runs } from '../schema/index.ts';

/** A thing with an id, and a few words that tell it apart. */
export interface Named {
  id: string;
  about: string;
  at: Date;
}

/** Finds the things whose id begins or ends like that, newest first. `head` is the beginning with its prefix. */
type Find = (reads: Reads, head: string, tail: string, limit: number) => Promise<Named[]>;

const findRequests: Find = async (reads, head, tail, limit) => {
  const rows = await reads((q) =>
    q
      .select({ id: requests.id, kind: requests.kind, label: requests.label, at: requests.createdAt })
      .from(requests)
      .where(or(like(requests.id, `${head}%`), like(requests.id, `%${tail}`)))
      .orderBy(desc(requests.id))
      .limit(limit),
  );
  return rows.map(({ id, kind, label, at }) => ({ id, about: label === null ? kind : `${kind} "${label}"`, at }));
};

const findRuns: Find = async (reads, head, tail, limit) => {
  const rows = await reads((q) =>
    q
      .select({ id: runs.id, about: runs.trigger, at: runs.createdAt })
      .from(runs)
      .where(or(like(runs.id, `${head}%`), like(runs.id, `%${tail}`)))
      .orderBy(desc(runs.id))
      .limit(limit),
  );
  return rows;
};

const findChunks: Find = async (reads, head, tail, limit) => {
  const rows = await reads((q) =>
    q
      .select({ id: chunks.id, about: chunks.kind, at: chunks.createdAt })
      .from(chunks)
      .where(or(like(chunks.id, `${head}%`), like(chunks.id, `%${tail}`)))
      .orderBy(desc(chunks.id))
      .limit(limit),
  );
  return rows;
};

const findPlans: Find = async (reads, head, tail, limit) => {
  const rows = await reads((q) =>
    q
      .select({ id: plans.id, about: plans.kind, at: plans.createdAt })
      .from(plans)
      .where(or(like(plans.id, `${head}%`), like(plans.id, `%${tail}`)))
      .orderBy(desc(plans.id))
      .limit(limit),
  );
  return rows;
};

/** By the prefix of the ids, how to find them by a part. */
export const FIND_BY_PART: Readonly<Record<IdPrefix, Find>> = {
  req: findRequests,
  run: findRuns,
  chk: findChunks,
  plan: findPlans,
};
