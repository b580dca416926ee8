import { type Config, secret } from '../config/config.ts';
import { RELIED_ON } from '../db/session.ts';
import type { Log } from '../observability/log.ts';
import type { QueueBackend } from '../queues/backend.ts';
import { openQueues, type Queues } from '../queues/queues.ts';
import type { Closers } from './database.ts';

export interface QueueStoreOptions {
  /** Redis keys of this installation; two on one Redis need names of their own. */
  namespace?: string;
  /** Only for tests: see `QueuesOptions`. */
  asleepMs?: number;
}

/** Opens the queue of the configuration. What it opened is added to `closers`, also when it throws. */
export async function openQueue(
  config: Config,
  databaseUrl: string,
  log: Log,
  closers: Closers,
  options: QueueStoreOptions = {},
): Promise<{ backend: QueueBackend; queues: Queues }> {
  const backend = await openBackend(config, databaseUrl, log, options);
  closers.push(backend.close);
  await backend.prepare();
  const queues = openQueues(backend, log, options.asleepMs === undefined ? {} : { asleepMs: options.asleepMs });
  closers.push(queues.close);
  return { backend, queues };
}

/** Each store brings a client of its own, so only the store that is configured is imported. */
async function openBackend(
  config: Config,
  databaseUrl: string,
  log: Log,
  { namespace }: QueueStoreOptions,
): Promise<QueueBackend> {
  const onError = (error: Error, source: string): void =>
    log.warn(
      { err: error, backend: source },
      'the queue store does not answer; work is kept in Postgres and goes on when it is back',
    );
  if (config.queue.redis !== null) {
    const { redisBackend } = await import('../queues/redis.ts');
    return redisBackend(config.queue.redis, { onError, ...(namespace !== undefined && { namespace }) });
  }
  const { postgresBackend } = await import('../queues/postgres.ts');
  return postgresBackend(secret(databaseUrl), { onError, session: RELIED_ON });
}
