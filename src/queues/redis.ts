import { Queue, Worker } from 'bullmq';
import { Cluster, Redis } from 'ioredis';
import type { RedisTarget } from '../config/config.ts';
import { ProvisioningError } from '../domain/errors.ts';
import type { BackendOptions, QueueBackend } from './backend.ts';
import { endsWithin, withinDeadline } from './deadline.ts';

type SharedRedis = Redis | Cluster;

interface Patience {
  maxRetriesPerRequest: number | null;
  enableOfflineQueue: boolean;
}

const RECONNECT_MAX_MS = 2_000;
const QUIT_MS = 1_000;
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
  // In a hash tag, so that all keys of a queue live in one slot of a Redis Cluster.
  const prefix = `{${options.namespace ?? 'provisioner'}}`;
  return {
    profile: { name: 'redis', manyProcesses: true },
    redis: asRedis(patient),
    prepare: async () => undefined,
    openQueue: (name, settings) => new Queue(name, { ...settings, connection: hasty, prefix }),
    openWorker: (name, processor, settings) => new Worker(name, processor, { ...settings, connection: patient, prefix }),
    close: async () => {
      closing = true;
      await Promise.all([...open].map(endClient));
    },
  };
}

function clientFor(target: RedisTarget, { maxRetriesPerRequest, enableOfflineQueue }: Patience): SharedRedis {
  const retryStrategy = (times: number): number => Math.min(100 * 2 ** Math.min(times, 8), RECONNECT_MAX_MS);
  if (target.kind === 'single')
    return new Redis(target.url.reveal(), { maxRetriesPerRequest, enableOfflineQueue, retryStrategy });
  const login = {
    ...(target.username === null ? {} : { username: target.username }),
    ...(target.password === null ? {} : { password: target.password.reveal() }),
  };
  return new Cluster([...target.nodes], {
    redisOptions: { maxRetriesPerRequest, ...login },
    enableOfflineQueue,
    clusterRetryStrategy: retryStrategy,
  });
}

/**
 * Keeps hold of a client and of every copy that BullMQ makes of it for blocking reads: with Redis away `worker.close()` never
 * ends those, and a single one keeps the process alive.
 */
function track(client: SharedRedis, open: Set<SharedRedis>): SharedRedis {
  open.add(client);
  const duplicate = duplicatorOf(client);
  const tracked = (...args: unknown[]): SharedRedis => {
    const copy = track(duplicate(args), open);
    copy.on('error', () => undefined);
    copy.once('end', () => open.delete(copy));
    return copy;
  };
  return Object.assign(client, { duplicate: tracked });
}

/** Sound because the arguments are passed on as they came: BullMQ fits them to the kind of client it was given. */
function duplicatorOf(client: SharedRedis): (args: unknown[]) => SharedRedis {
  const duplicate = client.duplicate as (...args: unknown[]) => SharedRedis;
  if (client instanceof Redis) return (args) => duplicate.apply(client, args);
  return ([first, ...rest]) => {
    // A caller that means `Redis.duplicate(options)`: a cluster takes nodes first, and options of a node by name.
    if (rest.length === 0 && first !== undefined && !Array.isArray(first)) {
      const redisOptions = Object.assign({}, client.options.redisOptions, first);
      return duplicate.call(client, [], { redisOptions });
    }
    return duplicate.call(client, first, ...rest);
  };
}

/** Sound for commands on single keys and for `duplicate(options)`: a Cluster has them all, `duplicatorOf` sees to the latter. */
function asRedis(client: SharedRedis): Redis {
  return client as Redis;
}

async function endClient(client: SharedRedis): Promise<void> {
  if (client.status === 'end') return;
  if (client.status === 'ready') await endsWithin(client.quit(), QUIT_MS);
  client.disconnect();
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
