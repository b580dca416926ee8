import { makePgArray } from 'drizzle-orm/pg-core';
import { parse as parseArray } from 'postgres-array';

/** `text[]`, the only array type of the schema. */
const TEXT_ARRAY = 1009;
/** `bigint`, which also `count(*)` gives. */
const INT8 = 20;

/**
 * postgres.js would ask every new connection for the array types, and nobody holds the promise of that query: a connection that
 * is cut meanwhile ends the process as an unhandled rejection (porsager/postgres 1192, 1223). So the one type that is used is
 * told to it.
 */
export const KNOWN_TYPES = {
  fetch_types: false,
  types: {
    textArray: {
      to: TEXT_ARRAY,
      from: [TEXT_ARRAY],
      serialize: (values: unknown) => (Array.isArray(values) ? makePgArray(values) : values),
      parse: (text: string) => parseArray(text),
    },
    int8: { to: INT8, from: [INT8], serialize: String, parse: wholeNumber },
  },
};

/**
 * The schema calls its `bigint` columns numbers, so they arrive as numbers, and not as the strings that postgres.js makes of them.
 * @throws RangeError for a value beyond 2^53, which no counter of ours reaches: the query is rejected, nothing is rounded.
 */
function wholeNumber(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value)) return value;
  throw new RangeError(`the database gave ${text}, which is too large to be exact: cast it to text in the query`);
}
