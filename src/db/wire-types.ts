import { makePgArray } from 'drizzle-orm/pg-core/utils/array';
import { parse as parseArray } from 'postgres-array';

/** `text[]`, the only array type of the schema. */
const TEXT_ARRAY = 1009;
/** `bigint`, which is also the type of `count(*)`. */
const INT8 = 20;

/**
 * The types that postgres.js is told about. Otherwise it asks every new connection for the array types, and nothing handles the
 * promise of that query: when the connection is cut meanwhile, the unhandled rejection ends the process (porsager/postgres 1192,
 * 1223).
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
 * Returns `bigint` values as numbers, as the schema types them. postgres.js would return strings.
 * @throws RangeError for a value beyond 2^53, which no counter of ours reaches. The query is rejected, and nothing is rounded.
 */
function wholeNumber(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value)) return value;
  throw new RangeError(`the database gave ${text}, which is too large to be exact: cast it to text in the query`);
}
