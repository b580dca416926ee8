import { createRedisBackend, type Processor, Queue, Worker, type WorkerOptions } from 'bullmq';
import { Cluster, Redis } from 'ioredis';
import type { RedisTarget } from '../config/config.ts';
import { ProvisioningError } from '../domain/errors.ts';
import type { BackendOptions, QueueBackend } from './backend.ts';
import { endsWithin, withinDeadline } from './deadline.ts';
import { backingOff } from './fetch-backoff.ts';

const INFO_MS = 3_000;

type SharedRedis = Redis | Cluster;

interface Patience {
  maxRetriesPerRequest: number | null;
  enableOfflineQueue: boolean;
}

const RECONNECT_MAX_MS = 2_000;
const QUIT_MS = 1_000;
/** A connection that was given up because of a stale server is opened again this late: its address may still lead to it. */
const RENEW_AFTER_MS = 1_000;

/**
 * What a server says that is not, not yet, or no longer the one to work with: it was demoted, it is still loading, or it let go of
 * a blocked reader as it was demoted. Redis 6 puts the word into the middle of the error of a script.
 */
const STALE = /(?:^|[\s-])(?:READONLY|LOADING|UNBLOCKED|MASTERDOWN)\b/;

const LOOK_EVERY_MS = 5_000;
/** Longer than the longest blocking read of BullMQ, 10 s: a connection answers nothing else meanwhile. */
const ANSWER_MS = 12_000;
/** One answer may get lost in a busy moment. */
const MOST_MISSED = 2;

type Found = 'primary' | 'replica' | 'silent' | 'not_asked';

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

/**
 * Opens a client that gives its connection up when the server is stale, and asks its address again: after a failover the address
 * leads to the new primary, while an open connection stays on the demoted one for ever. A patient client sends the refused
 * command again, which is safe because a stale server has done nothing; a hasty one lets it fail. Copies of a client inherit
 * all this, and so do the nodes of a cluster, which has its topology read anew.
 */
function clientFor(target: RedisTarget, { maxRetriesPerRequest, enableOfflineQueue }: Patience): SharedRedis {
  let staleAt = 0;
  const retryStrategy = (times: number): number => {
    const wait = Math.min(100 * 2 ** Math.min(times, 8), RECONNECT_MAX_MS);
    return Date.now() - staleAt < RENEW_AFTER_MS ? Math.max(wait, RENEW_AFTER_MS) : wait;
  };
  const reconnectOnError = (error: Error): false | 1 | 2 => {
    if (!STALE.test(error.message)) return false;
    staleAt = Date.now();
    return enableOfflineQueue ? 2 : 1;
  };
  if (target.kind === 'single')
    return new Redis(target.url.reveal(), { maxRetriesPerRequest, enableOfflineQueue, retryStrategy, reconnectOnError });
  const login = {
    ...(target.username === null ? {} : { username: target.username }),
    ...(target.password === null ? {} : { password: target.password.reveal() }),
  };
  return new Cluster([...target.nodes], {
    redisOptions: { maxRetriesPerRequest, reconnectOnError, ...login },
    enableOfflineQueue,
    clusterRetryStrategy: retryStrategy,
  });
}

/**
 * Keeps hold of a client and of every copy that BullMQ and the rate limiter make of it: a stale server is to be left by all of
 * them, and with Redis away `worker.close()` never ends those for blocking reads, of which a single one keeps the process alive.
 */
function track(client: SharedRedis, open: Set<SharedRedis>): SharedRedis {
  open.add(client);
  client.once('end', () => open.delete(client));
  const duplicate = duplicatorOf(client);
  const tracked = (...args: unknown[]): SharedRedis => {
    const copy = track(duplicate(args), open);
    copy.on('error', () => undefined);
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
 * Asks every open connection every few seconds what it leads to, and opens all of them again when one leads to a demoted server
 * or gets no answer any more. The refusals of a stale server (see `clientFor`) do not show everything: a replica answers reads, a
 * refusal inside of a transaction is hidden in its reply, a subscriber asks nothing, and a half-open socket says nothing for a
 * quarter of an hour. Returns the function that stops these probes.
 */
function watchConnections(open: ReadonlySet<SharedRedis>): () => void {
  const missed = new WeakMap<Redis, number>();
  let looking = false;
  const look = async (): Promise<void> => {
    if (looking) return;
    looking = true;
    const clients = [...open];
    const alone = clients.filter((client) => client instanceof Redis);
    const nodes = clients.flatMap((client) => (client instanceof Redis ? [] : client.nodes('all')));
    const [ofAlone, ofNodes] = await Promise.all([
      Promise.all(alone.map((client) => ask(client, missed))),
      Promise.all(nodes.map((node) => ask(node, missed))),
    ]);
    if (ofAlone.some((found) => found === 'replica' || found === 'silent')) for (const client of alone) renew(client);
    // A node may rightly be a replica. When one ends, the cluster reads its topology anew.
    for (const [i, node] of nodes.entries()) if (ofNodes[i] === 'silent') renew(node);
    looking = false;
  };
  const timer = setInterval(() => void look(), LOOK_EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}

/** Never rejects. `silent` only after several answers in a row that did not come. */
async function ask(client: Redis, missed: WeakMap<Redis, number>): Promise<Found> {
  const maySpeak = client.status === 'ready' && client.mode === 'normal';
  if (!maySpeak) return 'not_asked';
  const answer = await roleOf(client);
  const times = answer === 'silent' ? (missed.get(client) ?? 0) + 1 : 0;
  missed.set(client, times === MOST_MISSED ? 0 : times);
  if (answer === 'silent') return times === MOST_MISSED ? 'silent' : 'not_asked';
  return answer;
}

async function roleOf(client: Redis): Promise<'primary' | 'replica' | 'silent'> {
  try {
    const info = await withinDeadline(client.info('replication'), ANSWER_MS, 'asking for the role');
    return /^role:slave/m.test(info) ? 'replica' : 'primary';
  } catch (error) {
    // A refusal is an answer too: an account may not be allowed to ask.
    return error instanceof Error && error.name === 'ReplyError' ? 'primary' : 'silent';
  }
}

/** Ends the connection and opens another, as a lost one; commands that wait for an answer are sent again by patient clients. */
function renew(client: Redis): void {
  if (client.status === 'ready') client.disconnect(true);
}
