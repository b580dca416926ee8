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

/** Any number, but the same in every process: two that migrate at once must meet on it. */
const MIGRATION_LOCK = 7_105_020_002;
/** BullMQ's functions for a pool of ours look into this schema; it cannot be told another. */
const SCHEMA = 'bullmq';
/** Every worker keeps one connection to listen on; the rest is for queries. */
const POOL_SIZE = QUEUE_NAMES.length + 8;
const CLOSE_MS = 2_000;

const onPostgres = withBackend(createPostgresBackend);
const workersOnPostgres = withBackend<PostgresQueueBackend, PostgresConnectionOptions>((...args) =>
  backingOff(createPostgresBackend(...args)),
);

/**
 * BullMQ's own Postgres store, for installations without Redis: one process. All queues and workers share one bounded pool;
 * left to itself BullMQ would open a pool for each.
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
  // A connection that we end ourselves is no store that does not answer.
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
    // Ending the session gives the lock back, whatever state the migration left it in.
    client.release(true);
  }
}

/**
 * BullMQ types a queue by its store, although all that we and the dashboard call is the same on both. The integration suite
 * runs on both stores, which is what makes this cast sound.
 */
function openQueue(pool: pg.Pool, name: string, settings: QueueSettings): Queue {
  return new onPostgres.Queue(name, { ...settings, connection: asConnection(pool) }) as unknown as Queue;
}

/** See `openQueue`. */
function openWorker(pool: pg.Pool, name: string, processor: Processor, settings: WorkerSettings): Worker {
  return new workersOnPostgres.Worker(name, processor, { ...settings, connection: asConnection(pool) }) as unknown as Worker;
}

/** BullMQ documents that it takes a `pg.Pool`; only the overloads of `on` in the two typings do not meet. */
function asConnection(pool: pg.Pool): PostgresConnectionOptions {
  return pool as unknown as PostgresConnectionOptions;
}
