import {
  createPostgresBackend,
  type PostgresConnectionOptions,
  type PostgresQueueBackend,
  type Processor,
  type Queue,
  runMigrations,
  type Worker,
  withBackend,
} from 'bullmq';
import pg from 'pg';
import type { Secret } from '../config/config.ts';
import { endsWithin } from '../domain/deadline.ts';
import type { BackendOptions, QueueBackend, QueueSettings, WorkerSettings } from './backend.ts';
import { QUEUE_NAMES } from './catalogue.ts';
import { backingOff } from './fetch-backoff.ts';

/** Any number, but the same in every process, so that two processes never migrate at once. */
const MIGRATION_LOCK = 7_105_020_002;
/** With a pool of ours, BullMQ always uses this schema. */
const SCHEMA = 'bullmq';
/** Every worker keeps one connection to listen on; the rest is for queries. */
const POOL_SIZE = QUEUE_NAMES.length + 8;
const CLOSE_MS = 2_000;

const onPostgres = withBackend(createPostgresBackend);
const workersOnPostgres = withBackend<PostgresQueueBackend, PostgresConnectionOptions>((...args) =>
  backingOff(createPostgresBackend(...args)),
);

/**
 * BullMQ's own Postgres store, for installations without Redis and with one worker process. All queues and workers share one
 * bounded pool, because BullMQ would open a pool for each of them.
 */
export function postgresBackend(
  url: Secret,
  options: BackendOptions & { session?: Readonly<Record<string, string>> },
): QueueBackend {
  const pool = new pg.Pool({
    connectionString: url.reveal(),
    max: POOL_SIZE,
    keepAlive: true,
    connectionTimeoutMillis: 10_000,
    application_name: 'provisioner-queue',
    // BullMQ sets the search path only on pools that it makes itself.
    options: asOptions({ ...options.session, search_path: SCHEMA }),
  });
  // Each queue and worker adds listeners of its own.
  pool.setMaxListeners(4 * POOL_SIZE);
  let closing: Promise<void> | undefined;
  // An error of a connection that we end ourselves does not mean that the store is away.
  pool.on('error', (error) => {
    if (closing === undefined) options.onError(error, 'postgres (queue)');
  });
  pool.on('connect', (client) => client.setMaxListeners(4 * POOL_SIZE));
  return {
    profile: { name: 'postgres', manyProcesses: false },
    redis: null,
    prepare: () => migrate(pool),
    openQueue: (name, settings) => openQueue(pool, name, settings),
    openWorker: (name, processor, settings) => openWorker(pool, name, processor, settings),
    close: () => {
      closing ??= endsWithin(pool.end(), CLOSE_MS).then(() => undefined);
      return closing;
    },
  };
}

/** Settings in the form that Postgres takes at the start of a connection, where a blank ends an argument. */
function asOptions(session: Readonly<Record<string, string>>): string {
  return Object.entries(session)
    .map(([name, value]) => `-c ${name}=${value.replace(/[\\ ]/g, '\\$&')}`)
    .join(' ');
}

async function migrate(pool: pg.Pool): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('select pg_advisory_lock($1)', [MIGRATION_LOCK]);
    await runMigrations(client, SCHEMA);
  } finally {
    // Ending the session releases the lock, in whatever state the migration left it.
    client.release(true);
  }
}

/**
 * Guarantee: everything that the product and the dashboard call is the same on both stores, although BullMQ types a queue by its
 * store. The integration suite runs on both.
 */
function openQueue(pool: pg.Pool, name: string, settings: QueueSettings): Queue {
  return new onPostgres.Queue(name, { ...settings, connection: asConnection(pool) }) as unknown as Queue;
}

/** See `openQueue`. */
function openWorker(pool: pg.Pool, name: string, processor: Processor, settings: WorkerSettings): Worker {
  return new workersOnPostgres.Worker(name, processor, { ...settings, connection: asConnection(pool) }) as unknown as Worker;
}

/** Guarantee: BullMQ documents that it takes a `pg.Pool`. Only the overloads of `on` differ between the two typings. */
function asConnection(pool: pg.Pool): PostgresConnectionOptions {
  return pool as unknown as PostgresConnectionOptions;
}
