import type { Config } from '../config/config.ts';
import { connectBriefly, connectDb, type Db } from '../db/client.ts';
import { answering, assertUsable } from '../db/health.ts';
import { ProvisioningError } from '../domain/errors.ts';
import type { Log } from '../observability/log.ts';
import type { Limits } from '../producers/deps.ts';
import { type KeptClock, keepClock } from './clock.ts';

export interface DatabaseOptions {
  /** See `DbOptions`. */
  idleInTransactionMs?: number;
  /** See `DbOptions`. */
  maxConnections?: number;
  /** True for a process that ends soon: few connections, and one reading of the clock. */
  brief?: boolean;
}

/** What must be closed, in the order of opening. */
export type Closers = (() => Promise<void>)[];

/** Closes the last one first. Safe to call twice. */
export async function closeAll(closers: Closers): Promise<void> {
  for (let next = closers.pop(); next !== undefined; next = closers.pop()) await next();
}

const MAX_CONNECTIONS = 20;
/** Readings of the clock at the start of a process. The quickest of them is the most exact. */
const FIRST_READINGS = 3;

/** Opens the database of the configuration and reads its clock. What it opened is added to `closers`, also when it throws. */
export async function openDatabase(
  config: Config,
  log: Log,
  closers: Closers,
  options: DatabaseOptions = {},
): Promise<{ url: string; db: Db; clock: KeptClock }> {
  const url = await databaseUrl(config, closers);
  const connect = options.brief === true ? connectBriefly : connectDb;
  const db = await answering(() =>
    connect(url, {
      maxConnections: options.maxConnections ?? MAX_CONNECTIONS,
      onNotice: (text) => log.debug({ reason: text }, 'postgres notice'),
      ...(options.idleInTransactionMs !== undefined && { idleInTransactionMs: options.idleInTransactionMs }),
    }),
  );
  closers.push(db.close);
  await assertUsable(db.first);
  if (db.pooled && config.queue.redis === null) throw needsRedis();
  const clock = await keepClock(db.first, log, options.brief === true ? 1 : FIRST_READINGS);
  closers.push(clock.close);
  return { url, db, clock };
}

/** The limits of size and price that producers keep. */
export function limitsOf({ limits }: Config): Limits {
  const { orderSize, batchSize, maxNumberCost, approvalAbove, selfApproval, budgets, prices } = limits;
  return { orderSize, batchSize, maxNumberCost, approvalAbove, selfApproval, budgets, prices };
}

/**
 * The error behind a pooler: BullMQ's store listens, and the lock of the only worker is held, on a connection that must stay the
 * same.
 */
export function needsRedis(): ProvisioningError {
  return new ProvisioningError(
    'pooled_queue',
    'rejected',
    'DATABASE_URL leads to a pooler that gives out a connection for each transaction, and the queue on Postgres needs connections ' +
      'of its own: set REDIS_URL, or point DATABASE_URL at Postgres itself or at a pool in session mode',
  );
}

/** The database of the configuration; the embedded one is started and migrated on the way. */
async function databaseUrl(config: Config, closers: Closers): Promise<string> {
  if (config.database.url !== null) return config.database.url.reveal();
  if (!config.database.embedded) {
    throw new ProvisioningError(
      'invalid_config',
      'rejected',
      'DATABASE_URL is not set: give the URL of a Postgres, or set PROVISIONER_EMBEDDED=1 to use an embedded one',
    );
  }
  const [{ startEmbeddedPostgres }, { migrateDatabase }] = await Promise.all([
    import('./embedded-postgres/start.ts'),
    import('../db/migrate.ts'),
  ]);
  const server = await startEmbeddedPostgres({ dataDir: config.database.dataDir });
  closers.push(server.stop);
  await migrateDatabase(server.url);
  return server.url;
}
