import { createRedisBackend, type Processor, Queue, Worker, type WorkerOptions } from 'bullmq';
import type { RedisTarget } from '../config/config.ts';
import { ProvisioningError } from '../domain/errors.ts';
import type { BackendOptions, QueueBackend } from './backend.ts';
import { withinDeadline } from './deadline.ts';
import { backingOff } from './fetch-backoff.ts';
import { asRedis, clientFor, endClient, type Patience, type SharedRedis, track } from './redis-connections.ts';
import { watchConnections } from './redis-watch.ts';

const INFO_MS = 3_000;

/**
 * BullMQ on Redis: production, any number of processes. Two connections, on purpose: workers wait for a Redis that is away
 * (`maxRetriesPerRequest: null`, which BullMQ demands), while producers fail at once, because an HTTP handler must not hang
 * and the rows in Postgres will be swept into the queue anyway.
 */
export function redisBackend(target: RedisTarget, options: BackendOptions): QueueBackend {
  const open = new Set<SharedRedis>();
  let closing = false;
  const connect = (source: string, patience: Patience): SharedRedis => {
    const client = track(clientFor(target, patience), open);
    // BullMQ reports the errors of its own copies itself, per queue and worker.
    // A connection that we end while it is still being opened fails in its handshake: that is no store that does not answer.
    client.on('error', (error: Error) => {
      if (!closing) options.onError(error, source);
    });
    return client;
  };
  const patient = connect('redis', { maxRetriesPerRequest: null, enableOfflineQueue: true });
  const hasty = connect('redis (producer)', { maxRetriesPerRequest: 1, enableOfflineQueue: false });
  const stopWatching = watchConnections(open);
  // In a hash tag, so that all keys of a queue live in one slot of a Redis Cluster.
  const prefix = `{${options.namespace ?? 'provisioner'}}`;
  return {
    profile: { name: 'redis', manyProcesses: true },
    redis: asRedis(patient),
    prepare: async () => undefined,
    openQueue: (name, settings) => new Queue(name, { ...settings, connection: hasty, prefix }),
    openWorker: (name, processor, settings) => openWorker(name, processor, { ...settings, connection: patient, prefix }),
    close: async () => {
      closing = true;
      stopWatching();
      await Promise.all([...open].map(endClient));
    },
  };
}

function openWorker(name: string, processor: Processor, options: WorkerOptions): Worker {
  return new Worker(name, processor, options, (...args) => backingOff(createRedisBackend(...args)));
}

/**
 * Refuses a Redis that may throw jobs away when it is full. One that does not answer now is not refused: Postgres has the work.
 * Errors: `redis_evicts`.
 */
export async function refuseEviction(target: RedisTarget): Promise<void> {
  const info = await readRedisInfo(target).catch(() => '');
  const policy = /^maxmemory_policy:(.*)$/m.exec(info)?.[1]?.trim();
  if (policy === undefined || policy === 'noeviction') return;
  throw new ProvisioningError(
    'redis_evicts',
    'rejected',
    `Redis may throw jobs away: its maxmemory-policy is ${policy}, and must be noeviction (PROVISIONER_ALLOW_EVICTION=1 starts all the same)`,
  );
}

/** The answer of a server (of one node, in a cluster) to INFO, for checks. Rejects within seconds when it cannot be reached. */
export async function readRedisInfo(target: RedisTarget): Promise<string> {
  const client = clientFor(target, { maxRetriesPerRequest: 1, enableOfflineQueue: true });
  client.on('error', () => undefined);
  try {
    return await withinDeadline(client.info(), INFO_MS, 'reading INFO');
  } finally {
    client.disconnect();
  }
}
