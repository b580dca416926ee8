import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';
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
}

/** Opens lazily connecting pools on `url` (`postgres://…`). Never throws for a database that is away: the first query does. */
export function openDb(url: string, options: DbOptions = {}): Db {
  const common = {
    onnotice: (notice: postgres.Notice) => options.onNotice?.(String(notice['message'])),
    connect_timeout: 10,
    idle_timeout: 60,
    backoff: (retries: number) => Math.min(2, 0.1 * 2 ** retries),
    connection: { application_name: 'provisioner' },
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
