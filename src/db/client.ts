import { connect, type Socket } from 'node:net';
import type { PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';
import { type Connection, probeConnection, RELIED_ON, type Session } from './session.ts';
import { KNOWN_TYPES } from './wire-types.ts';

export type Sql = postgres.Sql;
/** A pool or a transaction. Every query takes it as first argument, so that callers decide what commits together. */
export type SqlOrTx = postgres.ISql;
export type Tx = postgres.TransactionSql;
/** The part of Drizzle's query builder that a read for people may use. */
export type QueryBuilder = Pick<PostgresJsDatabase, 'select' | '$count' | 'execute'>;
/** Runs one read for people. It fails with the error of the database itself, without Drizzle's wrapper. */
export type Reads = <T>(ask: (builder: QueryBuilder) => PromiseLike<T>) => Promise<T>;

export interface Db {
  /** Plain postgres.js: transactions, compare-and-set, unnest, COPY, cursors. Columns arrive in camelCase. */
  sql: Sql;
  /**
   * Drizzle's query builder for everything that people read: lists, pages, downloads. It has a pool of its own for two reasons:
   * readers must take no connections from the work, and Drizzle changes the client that it receives. It cannot write.
   */
  reads: Reads;
  close(): Promise<void>;
}

export interface DbOptions {
  /** Connections of the plain client. Reads have a small pool of their own. */
  maxConnections?: number;
  /** How the database is reached, as `probeConnection` found it. Without it the database is reached directly. */
  connection?: Connection;
  onNotice?: (text: string) => void;
  /**
   * Postgres ends a transaction that is idle for this long, in milliseconds. Without it, a frozen or disconnected process keeps
   * its locks for ever, and every other process that needs them hangs.
   */
  idleInTransactionMs?: number;
}

/** Connections of the pool for people who read. */
const READERS = 6;
/** A read that takes longer than this is cancelled, because readers share few connections. */
const READ_MS = 30_000;

/** Finds out how the database is reached, and opens it that way. Errors: those of `probeConnection`. */
export async function connectDb(url: string, options: DbOptions = {}): Promise<Db & { pooled: boolean }> {
  const connection = await probeConnection(url);
  return { ...openDb(url, { ...options, connection }), pooled: connection.pooled };
}

/**
 * Opens pools on `url` (`postgres://…`) that connect at the first query. It does not throw when the database is unreachable; the
 * first query does.
 */
export function openDb(url: string, options: DbOptions = {}): Db {
  const { session, pooled } = options.connection ?? { session: RELIED_ON, pooled: false };
  const silence: Session =
    options.idleInTransactionMs === undefined ? {} : { idle_in_transaction_session_timeout: String(options.idleInTransactionMs) };
  const common = {
    onnotice: (notice: postgres.Notice) => options.onNotice?.(String(notice['message'])),
    connect_timeout: 10,
    idle_timeout: 60,
    backoff: (retries: number) => Math.min(2, 0.1 * 2 ** retries),
    // Statements are not prepared, because a pooler may run the next one on another connection.
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

/** Drizzle loads slowly, so only a process that reads for people imports it. */
const drizzlePackage = () => Promise.all([import('drizzle-orm'), import('drizzle-orm/postgres-js')]);

/**
 * Unwraps Drizzle's error. Drizzle says "Failed query" with the whole statement and its values, and hides the database's code in
 * the cause. Messages for people need that code, and they must not contain the values.
 */
function readsOver(pool: Sql): Reads {
  let builder: QueryBuilder | undefined;
  return async (ask) => {
    const [{ DrizzleQueryError }, { drizzle }] = await drizzlePackage();
    builder ??= drizzle(pool);
    try {
      return await ask(builder);
    } catch (error) {
      throw error instanceof DrizzleQueryError && error.cause !== undefined ? error.cause : error;
    }
  };
}

/**
 * Makes each transaction state its settings, for a pooler that drops most settings when a connection begins. Every change of more
 * than one row is a transaction. Single statements rely on the check when the process started.
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

/** What postgres.js 3.4.9 passes to its `socket` option. Its typings leave this out. */
interface SocketTarget {
  host: string[];
  port: number[];
  path: string | false | null;
}

/**
 * Opens sockets without Nagle's algorithm, which postgres.js leaves on. With Nagle, the small last packet of a COPY waits for a
 * delayed acknowledgement: a page of 250 rows took 94 ms instead of 2 on the same machine. A socket may be returned before it is
 * connected, because Node queues writes until then. Several hosts are tried in turn, as postgres.js does.
 */
function eagerSockets(): object {
  let tries = 0;
  const socket = ({ host, port, path }: SocketTarget): Socket => {
    const i = tries++ % host.length;
    const target = { host: host[i] ?? 'localhost', port: port[i] ?? 5432 };
    const opened = path ? connect(path) : connect(target);
    // postgres.js reads the host from the socket for TLS.
    return Object.assign(opened.setNoDelay(true), target);
  };
  return { socket };
}
