import { type Config, secret } from '../config/config.ts';
import { connectDb, type Db } from '../db/client.ts';
import { answering, assertUsable } from '../db/health.ts';
import { migrateDatabase } from '../db/migrate.ts';
import { RELIED_ON } from '../db/session.ts';
import { ProvisioningError } from '../domain/errors.ts';
import type { Log } from '../observability/log.ts';
import { createMetrics, type Metrics } from '../observability/metrics.ts';
import type { ProducerDeps } from '../producers/deps.ts';
import type { QueueBackend } from '../queues/backend.ts';
import { postgresBackend } from '../queues/postgres.ts';
import { openQueues, type Queues } from '../queues/queues.ts';
import { redisBackend } from '../queues/redis.ts';
import { keepClock } from './clock.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from './embedded-postgres/start.ts';

/** What every process has: database, queue, and the producers on them. Needs no Telnyx key. */
export interface Foundation {
  config: Config;
  /** What the keys in Redis start with. */
  namespace: string;
  log: Log;
  db: Db;
  backend: QueueBackend;
  queues: Queues;
  metrics: Metrics;
  deps: ProducerDeps;
  /** What people should know about the clock of this machine; empty when it is right. */
  clockNotice(): string[];
  clockAheadMs(): number;
  close(): Promise<void>;
}

export interface FoundationOptions {
  /** Redis keys of this installation; two on one Redis need names of their own. */
  namespace?: string;
  /** See `DbOptions`. */
  idleInTransactionMs?: number;
  /** See `DbOptions`. */
  maxConnections?: number;
  /** Only for tests: see `QueuesOptions`. */
  asleepMs?: number;
}

const MAX_CONNECTIONS = 20;

/** Opens database and queue. Errors name the setting to change; whatever was opened before one is closed again. */
export async function openFoundation(config: Config, log: Log, options: FoundationOptions = {}): Promise<Foundation> {
  const closers: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (let next = closers.pop(); next !== undefined; next = closers.pop()) await next();
  };
  try {
    const url = await databaseUrl(config, closers);
    const db = await answering(() =>
      connectDb(url, {
        maxConnections: options.maxConnections ?? MAX_CONNECTIONS,
        onNotice: (text) => log.debug({ reason: text }, 'postgres notice'),
        ...(options.idleInTransactionMs !== undefined && { idleInTransactionMs: options.idleInTransactionMs }),
      }),
    );
    closers.push(db.close);
    await assertUsable(db.sql);
    if (db.pooled && config.queue.redis === null) throw needsRedis();
    const { clock, notice, aheadMs, close: stopClock } = await keepClock(db.sql, log);
    closers.push(stopClock);
    const backend = openBackend(config, url, log, options);
    closers.push(backend.close);
    await backend.prepare();
    const queues = openQueues(backend, log, options.asleepMs === undefined ? {} : { asleepMs: options.asleepMs });
    closers.push(queues.close);
    const { orderSize, batchSize, maxNumberCost, approvalAbove } = config.limits;
    const deps: ProducerDeps = {
      db,
      queue: queues,
      clock,
      log,
      limits: { orderSize, batchSize, maxNumberCost, approvalAbove },
    };
    return {
      config,
      namespace: options.namespace ?? 'provisioner',
      log,
      db,
      backend,
      queues,
      metrics: createMetrics({ processMetrics: true }),
      deps,
      clockNotice: () => [notice()].filter((text) => text !== null),
      clockAheadMs: aheadMs,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
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
async function databaseUrl(config: Config, closers: (() => Promise<void>)[]): Promise<string> {
  if (config.database.url !== null) return config.database.url.reveal();
  if (!config.database.embedded) {
    throw new ProvisioningError(
      'invalid_config',
      'rejected',
      'DATABASE_URL is not set: give the URL of a Postgres, or set PROVISIONER_EMBEDDED=1 to use an embedded one',
    );
  }
  const server: EmbeddedPostgres = await startEmbeddedPostgres({ dataDir: config.database.dataDir });
  closers.push(server.stop);
  await migrateDatabase(server.url);
  return server.url;
}

function openBackend(config: Config, databaseUrlText: string, log: Log, { namespace }: FoundationOptions): QueueBackend {
  const onError = (error: Error, source: string): void =>
    log.warn(
      { err: error, backend: source },
      'the queue store does not answer; work is kept in Postgres and goes on when it is back',
    );
  if (config.queue.redis !== null)
    return redisBackend(config.queue.redis, { onError, ...(namespace !== undefined && { namespace }) });
  return postgresBackend(secret(databaseUrlText), { onError, session: RELIED_ON });
}

/** Database and queue for a command that only reads or submits. */
export async function openProducer(config: Config, log: Log): Promise<{ deps: ProducerDeps; close(): Promise<void> }> {
  const foundation = await openFoundation(config, log);
  return { deps: foundation.deps, close: foundation.close };
}
