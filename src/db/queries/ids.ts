import { desc, like, or } from 'drizzle-orm';
import type { AnyPgColumn, PgTable } from 'drizzle-orm/pg-core';
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

type Text = AnyPgColumn<{ data: string; notNull: true }>;
type Moment = AnyPgColumn<{ data: Date; notNull: true }>;

const fits = (id: Text, head: string, tail: string) => or(like(id, `${head}%`), like(id, `%${tail}`));

/** Finds rows of a table by their ids. `about` is the column that tells them apart. */
const finder =
  (table: PgTable, { id, about, at }: { id: Text; about: Text; at: Moment }): Find =>
  (reads, head, tail, limit) =>
    reads((q) =>
      q
        .select({ id, about, at })
        .from(table)
        .where(fits(id, head, tail))
        .orderBy(desc(id))
        .limit(limit),
    );

const findRequests: Find = async (reads, head, tail, limit) => {
  const rows = await reads((q) =>
    q
      .select({ id: requests.id, kind: requests.kind, label: requests.label, at: requests.createdAt })
      .from(requests)
      .where(fits(requests.id, head, tail))
      .orderBy(desc(requests.id))
      .limit(limit),
  );
  return rows.map(({ id, kind, label, at }) => ({ id, about: label === null ? kind : `${kind} "${label}"`, at }));
};

/** By the prefix of the ids, how to find them by a part. */
export const FIND_BY_PART: Readonly<Record<IdPrefix, Find>> = {
  req: findRequests,
  run: finder(runs, { id: runs.id, about: runs.trigger, at: runs.createdAt }),
  chk: finder(chunks, { id: chunks.id, about: chunks.kind, at: chunks.createdAt }),
  plan: finder(plans, { id: plans.id, about: plans.kind, at: plans.createdAt }),
};
