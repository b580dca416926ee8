import { connect, type Socket } from 'node:net';
import { DrizzleQueryError } from 'drizzle-orm';
import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';
import { type Connection, probeConnection, RELIED_ON, type Session } from './session.ts';
import { KNOWN_TYPES } from './wire-types.ts';

export type Sql = postgres.Sql;
/** A pool or a transaction: every query takes it first, so that callers decide what commits together. */
export type SqlOrTx = postgres.ISql;
export type Tx = postgres.TransactionSql;
/** What a read for people may use of Drizzle's query builder. */
export type QueryBuilder = Pick<PostgresJsDatabase, 'select' | '$count' | 'execute'>;
/** Runs one read for people. It fails with the error of the database itself, not with Drizzle's wrapper around that error. */
export type Reads = <T>(ask: (builder: QueryBuilder) => PromiseLike<T>) => Promise<T>;

export interface Db {
  /** Plain postgres.js: transactions, compare-and-set, unnest, COPY, cursors. Columns arrive in camelCase. */
  sql: Sql;
  /**
   * Drizzle's query builder, for everything that people look at: lists, pages, downloads. It has connections of its own, so that
   * many or slow readers take none from the work, and because Drizzle changes the client that it is given. It cannot write.
   */
  reads: Reads;
  close(): Promise<void>;
}

export interface DbOptions {
  /** Connections of the plain client; reads get a small pool of their own. */
  maxConnections?: number;
  /** How the database is reached, as `probeConnection` found it. Without it the database is reached directly. */
  connection?: Connection;
  onNotice?: (text: string) => void;
  /**
   * Postgres ends a transaction that says nothing for this long (milliseconds). Without it a process that is frozen, or cut off
   * with its machine, keeps its locks for ever, and whatever waits for them hangs.
   */
  idleInTransactionMs?: number;
}

/** Connections for people who read. */
const READERS = 6;
/** A page that takes longer is cancelled, because readers wait for each other. */
const READ_MS = 30_000;

/** Finds out how the database is reached, and opens it that way. Errors: those of `probeConnection`. */
export async function connectDb(url: string, options: DbOptions = {}): Promise<Db & { pooled: boolean }> {
  const connection = await probeConnection(url);
  return { ...openDb(url, { ...options, connection }), pooled: connection.pooled };
}

/** Opens lazily connecting pools on `url` (`postgres://…`). Never throws for a database that is away: the first query does. */
export function openDb(url: string, options: DbOptions = {}): Db {
  const { session, pooled } = options.connection ?? { session: RELIED_ON, pooled: false };
  const silence: Session =
    options.idleInTransactionMs === undefined ? {} : { idle_in_transaction_session_timeout: String(options.idleInTransactionMs) };
  const common = {
    onnotice: (notice: postgres.Notice) => options.onNotice?.(String(notice['message'])),
    connect_timeout: 10,
    idle_timeout: 60,
    backoff: (retries: number) => Math.min(2, 0.1 * 2 ** retries),
    // A statement prepared on one connection is unknown on the next one that a pooler gives out.
    prepare: false,
    ...KNOWN_TYPES,
    ...eagerSockets(),
  };
  const stating = (more: Session = {}) => ({ connection: { application_name: 'provisioner', ...session, ...(!pooled && more) } });
  const camel = { transform: { column: { from: postgres.toCamel, to: postgres.fromCamel } } };
  const sql = postgres(url, { ...common, ...stating(silence), ...camel, max: options.maxConnections ?? 10 });
  if (pooled) stateInTransactions(sql, { ...RELIED_ON, ...silence });
  const forReaders = { default_transaction_read_only: 'on', statement_timeout: String(READ_MS) };
  const readers = postgres(url, { ...common, ...stating(forReaders), max: READERS });
  return {
    sql,
    reads: readsOver(readers),
    close: async () => {
      await Promise.all([sql, readers].map((pool) => pool.end({ timeout: 5 })));
    },
  };
}

/**
 * Drizzle says "Failed query", with the whole statement and its values, and hides the code of the database in the cause. Whoever
 * tells people about a failure goes by that code, and the values are nobody's business.
 */
function readsOver(pool: Sql): Reads {
  const builder = drizzle(pool);
  return async (ask) => {
    try {
      return await ask(builder);
    } catch (error) {
      throw error instanceof DrizzleQueryError && error.cause !== undefined ? error.cause : error;
    }
  };
}

/**
 * A pooler that drops most settings as a connection begins lets a transaction state them for itself. Whatever writes more than
 * one row in a process of ours is a transaction; single statements rely on the probe at the start.
 */
function stateInTransactions(sql: Sql, session: Session): void {
  const begin = sql.begin.bind(sql);
  const stated = <T>(work: (tx: Tx) => T | Promise<T>) =>
    begin('isolation level read committed read write', async (tx) => {
      await tx`
        select set_config(s.name, s.value, true)
        from unnest(${Object.keys(session)}::text[], ${Object.values(session)}::text[]) as s(name, value)`;
      return work(tx);
    });
  Object.assign(sql, { begin: stated });
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
