import { sql } from 'drizzle-orm';
import { numeric, timestamp } from 'drizzle-orm/pg-core';

/** A point in time, in UTC. */
export const moment = (name: string) => timestamp(name, { withTimezone: true, mode: 'date', precision: 3 });

/** Exact decimal money. TypeScript sees strings. */
export const money = (name: string) => numeric(name, { precision: 14, scale: 6 });

/**
 * Writes a list of words as literals into the predicate of a partial index, which takes no parameters. Queries pass the same list
 * as a parameter. No statement is prepared by name, so Postgres plans with the values and can use the index.
 */
export const literals = (words: readonly string[]) => sql.raw(words.map((w) => `'${w.replaceAll("'", "''")}'`).join(', '));
