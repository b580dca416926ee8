import { connect, type Socket } from 'node:net';
import type { PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';
import { type Connection, probeConnection, RELIED_ON, type Session, sessionOfPostgres } from './session.ts';
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

/** An open database, and what its opening has found out. */
export interface Connected extends Db {
  /** True behind a pooler that gives out another connection for each transaction. */
  pooled: boolean;
  /** The pool for the first questions of the process: the one that has a connection already. */
  first: Sql;
}

/** Connections of the pool for people who read. */
const READERS = 6;
/** A command asks its questions one after the other over one connection. */
const BRIEF_READERS = 1;
/** A read that takes longer than this is cancelled, because readers share few connections. */
const READ_MS = 30_000;

/** Finds out how the database is reached, and opens it that way. Errors: those of `probeConnection`. */
export async function connectDb(url: string, options: DbOptions = {}): Promise<Connected> {
  const connection = await probeConnection(url);
  const db = openDb(url, { ...options, connection });
  return { ...db, pooled: connection.pooled, first: db.sql };
}

/**
 * Opens the database for a command, which ends soon. Its first reading connection proves that it leads to Postgres itself, so a
 * command that only reads opens no other one. Without that proof (a pooler, an address that is translated on the way, a Unix
 * socket) it does what `connectDb` does. Errors: those of `probeConnection`.
 */
export async function connectBriefly(url: string, options: DbOptions = {}): Promise<Connected> {
  const ports = new Set<number>();
  const readers = readersPool(url, options, { max: BRIEF_READERS, ports });
  let session: Session | null = null;
  try {
    session = await sessionOfPostgres(readers, (port) => ports.has(port));
  } finally {
    if (session === null) await readers.end({ timeout: 1 });
  }
  if (session === null) return connectDb(url, options);
  const work = workPool(url, { ...options, connection: { session, pooled: false } });
  return { ...dbOf(work, readers), pooled: false, first: readers };
}

/**
 * Opens pools on `url` (`postgres://…`) that connect at the first query. It does not throw when the database is unreachable; the
 * first query does.
 */
export function openDb(url: string, options: DbOptions = {}): Db {
  return dbOf(workPool(url, options), readersPool(url, options));
}

function dbOf(sql: Sql, readers: Sql): Db {
  return {
    sql,
    reads: readsOver(readers),
    close: async () => {
      await Promise.all([sql, readers].map((pool) => pool.end({ timeout: 5 })));
    },
  };
}

const DIRECT: Connection = { session: RELIED_ON, pooled: false };

function workPool(url: string, options: DbOptions): Sql {
  const connection = options.connection ?? DIRECT;
  const { idleInTransactionMs } = options;
  const silence: Session =
    idleInTransactionMs === undefined ? {} : { idle_in_transaction_session_timeout: String(idleInTransactionMs) };
  const camel = { transform: { column: { from: postgres.toCamel, to: postgres.fromCamel } } };
  const sql = postgres(url, { ...poolOf(options, connection, silence), ...camel, max: options.maxConnections ?? 10 });
  if (connection.pooled) stateInTransactions(sql, { ...RELIED_ON, ...silence });
  return sql;
}

/** The pool for people who read. The port of this machine that each socket uses is added to `ports`. */
function readersPool(url: string, options: DbOptions, { max = READERS, ports }: { max?: number; ports?: Set<number> } = {}): Sql {
  const forReaders = { default_transaction_read_only: 'on', statement_timeout: String(READ_MS) };
  return postgres(url, { ...poolOf(options, options.connection ?? DIRECT, forReaders, ports), max });
}

function poolOf({ onNotice }: DbOptions, { session, pooled }: Connection, more: Session, ports?: Set<number>) {
  return {
    onnotice: (notice: postgres.Notice) => onNotice?.(String(notice['message'])),
    connect_timeout: 10,
    idle_timeout: 60,
    backoff: (retries: number) => Math.min(2, 0.1 * 2 ** retries),
    // Statements are not prepared, because a pooler may run the next one on another connection.
    prepare: false,
    ...KNOWN_TYPES,
    ...eagerSockets(ports),
    connection: { application_name: 'provisioner', ...session, ...(!pooled && more) },
  };
}

/** Drizzle loads slowly, so only a process that reads for people imports it. */
const drizzlePackage = () => Promise.all([import('drizzle-orm/errors'), import('drizzle-orm/postgres-js')]);

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
function eagerSockets(ports?: Set<number>): object {
  let tries = 0;
  const socket = ({ host, port, path }: SocketTarget): Socket => {
    const i = tries++ % host.length;
    const target = { host: host[i] ?? 'localhost', port: port[i] ?? 5432 };
    const opened = path ? connect(path) : connect(target);
    if (ports !== undefined) opened.once('connect', () => opened.localPort !== undefined && ports.add(opened.localPort));
    // postgres.js reads the host from the socket for TLS.
    return Object.assign(opened.setNoDelay(true), target);
  };
  return { socket };
}
