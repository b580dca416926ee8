import { connect, type Socket } from 'node:net';
import { makePgArray } from 'drizzle-orm/pg-core';
import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';
import { parse as parseArray } from 'postgres-array';
import * as schema from './schema/index.ts';

export type Sql = postgres.Sql;
/** A pool or a transaction: every query takes it first, so that callers decide what commits together. */
export type SqlOrTx = postgres.ISql;
export type Tx = postgres.TransactionSql;
export type Orm = PostgresJsDatabase<typeof schema>;

export interface Db {
  /** Plain postgres.js: transactions, compare-and-set, unnest, COPY, cursors. Columns arrive in camelCase. */
  sql: Sql;
  /** Drizzle, for reads with optional filters. It changes the client it is given, so it has its own. */
  orm: Orm;
  close(): Promise<void>;
}

export interface DbOptions {
  /** Connections of the plain client; Drizzle gets a small pool of its own. */
  maxConnections?: number;
  onNotice?: (text: string) => void;
  /**
   * Postgres ends a transaction that says nothing for this long (milliseconds). Without it a process that is frozen, or cut off
   * with its machine, keeps its locks for ever, and whatever waits for them hangs.
   */
  idleInTransactionMs?: number;
}

/** Opens lazily connecting pools on `url` (`postgres://…`). Never throws for a database that is away: the first query does. */
export function openDb(url: string, options: DbOptions = {}): Db {
  const common = {
    onnotice: (notice: postgres.Notice) => options.onNotice?.(String(notice['message'])),
    connect_timeout: 10,
    idle_timeout: 60,
    backoff: (retries: number) => Math.min(2, 0.1 * 2 ** retries),
    connection: {
      application_name: 'provisioner',
      ...(options.idleInTransactionMs !== undefined && { idle_in_transaction_session_timeout: options.idleInTransactionMs }),
    },
    ...KNOWN_TYPES,
    ...eagerSockets(),
  };
  const sql = postgres(url, {
    ...common,
    max: options.maxConnections ?? 10,
    transform: { column: { from: postgres.toCamel, to: postgres.fromCamel } },
  });
  const forOrm = postgres(url, { ...common, max: 3 });
  return {
    sql,
    orm: drizzle(forOrm, { schema }),
    close: async () => {
      await Promise.all([sql.end({ timeout: 5 }), forOrm.end({ timeout: 5 })]);
    },
  };
}

/** `text[]`, the only array type of the schema. */
const TEXT_ARRAY = 1009;
/** `bigint`, which also `count(*)` gives. */
const INT8 = 20;

/**
 * postgres.js would ask every new connection for the array types, and nobody holds the promise of that query: a connection that
 * is cut meanwhile ends the process as an unhandled rejection (porsager/postgres 1192, 1223). So the one type that is used is
 * told to it.
 */
const KNOWN_TYPES = {
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

/** What postgres.js 3.4.9 gives to its `socket` option, which its typings leave out. */
interface SocketTarget {
  host: string[];
  port: number[];
  path: string | false | null;
}

/**
 * Sockets without Nagle's algorithm, which postgres.js leaves on: the small last packet of a COPY then waits for a delayed
 * acknowledgement, and a page of 250 rows took 94 ms instead of 2 on the same machine. A connection that is still under way
 * may be handed over: what is written meanwhile is queued. Several hosts are tried in turn, as postgres.js does by itself.
 */
function eagerSockets(): object {
  let tries = 0;
  const socket = ({ host, port, path }: SocketTarget): Socket => {
    const i = tries++ % host.length;
    const target = { host: host[i] ?? 'localhost', port: port[i] ?? 5432 };
    const opened = path ? connect(path) : connect(target);
    // postgres.js reads the host back for TLS.
    return Object.assign(opened.setNoDelay(true), target);
  };
  return { socket };
}
