import { sql } from 'drizzle-orm';
import { numeric, timestamp } from 'drizzle-orm/pg-core';

/** A moment in UTC. */
export const moment = (name: string) => timestamp(name, { withTimezone: true, mode: 'date', precision: 3 });

/** Exact decimal money; strings in TypeScript. */
export const money = (name: string) => numeric(name, { precision: 14, scale: 6 });

/**
 * A list of words as literals, for the predicate of a partial index, which takes no parameters. Queries pass the same list as a
 * parameter: no statement of ours is prepared by name, so Postgres plans with the values and can use the index.
 */
export const literals = (words: readonly string[]) => sql.raw(words.map((w) => `'${w.replaceAll("'", "''")}'`).join(', '));
