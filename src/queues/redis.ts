import { createRedisBackend, type Processor, Queue, Worker, type WorkerOptions } from 'bullmq';
import { Cluster, Redis } from 'ioredis';
import type { RedisTarget } from '../config/config.ts';
import { endsWithin } from '../domain/deadline.ts';
import { ProvisioningError } from '../domain/errors.ts';
import type { BackendOptions, QueueBackend } from './backend.ts';
import { queueAnswer } from './deadline.ts';
import { backingOff } from './fetch-backoff.ts';

const INFO_MS = 3_000;

type SharedRedis = Redis | Cluster;

interface Patience {
  maxRetriesPerRequest: number | null;
  enableOfflineQueue: boolean;
}

const RECONNECT_MAX_MS = 2_000;
const QUIT_MS = 1_000;
/**
 * A connection that was closed because of a stale server is opened again after this time, because its address may still lead
 * there.
 */
const RENEW_AFTER_MS = 1_000;

/**
 * Error words of a server that must not be used: it was demoted, it is still loading, or it released a blocked reader when it was
 * demoted. Redis 6 puts the word into the middle of the error of a script.
 */
const STALE = /(?:^|[\s-])(?:READONLY|LOADING|UNBLOCKED|MASTERDOWN)\b/;

const CHECK_EVERY_MS = 5_000;
/** Longer than BullMQ's longest blocking read (10 s), because a connection answers nothing else during such a read. */
const ANSWER_MS = 12_000;
/** One lost answer in a busy moment is no proof. */
const MOST_MISSED = 2;

type Found = 'primary' | 'replica' | 'silent' | 'not_asked';

/**
 * BullMQ on Redis, for production and any number of processes. It has two connections. Workers wait for a Redis that is away
 * (`maxRetriesPerRequest: null`, which BullMQ demands). Producers fail at once, because an HTTP handler must not hang; the sweep
 * later adds the queue jobs of their rows.
 */
export function redisBackend(target: RedisTarget, options: BackendOptions): QueueBackend {
  const open = new Set<SharedRedis>();
  let closing = false;
  const connect = (source: string, patience: Patience): SharedRedis => {
    const client = track(clientFor(target, patience), open);
    // BullMQ itself reports the errors of its copies, per queue and worker.
    // A connection that we end while it is being opened fails in its handshake. That does not mean that the store is away.
    client.on('error', (error: Error) => {
      if (!closing) options.onError(error, source);
    });
    return client;
  };
  const patient = connect('redis', { maxRetriesPerRequest: null, enableOfflineQueue: true });
  const hasty = connect('redis (producer)', { maxRetriesPerRequest: 1, enableOfflineQueue: false });
  const stopWatching = watchConnections(open);
  // A hash tag keeps all keys of a queue in one slot of a Redis Cluster.
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
 * Refuses a Redis that may throw jobs away when it is full. A Redis that does not answer now is accepted, because Postgres has
 * the work.
 * @throws ProvisioningError `redis_evicts`.
 */
export async function refuseEviction(target: RedisTarget): Promise<void> {
  const info = await readRedisInfo(target).catch(() => '');
  const policy = infoField(info, 'maxmemory_policy');
  if (policy === null || policy === 'noeviction') return;
  throw new ProvisioningError(
    'redis_evicts',
    'rejected',
    `Redis may throw jobs away: its maxmemory-policy is ${policy}, and must be noeviction (PROVISIONER_ALLOW_EVICTION=1 starts all the same)`,
  );
}

/**
 * The answer of a server (of one node, in a cluster) to INFO, for checks: managed services forbid CONFIG, all answer INFO. Rejects
 * within seconds when Redis cannot be reached, with what the connection said last.
 */
export async function readRedisInfo(target: RedisTarget): Promise<string> {
  const client = clientFor(target, { maxRetriesPerRequest: 1, enableOfflineQueue: true });
  let said: Error | null = null;
  client.on('error', (error: Error) => {
    said = error;
  });
  try {
    return await queueAnswer(client.info(), INFO_MS, 'reading INFO');
  } catch (error) {
    throw said ?? error;
  } finally {
    client.disconnect();
  }
}

/** One field of the text of INFO, or `null` when the server does not tell it. */
export function infoField(info: string, name: string): string | null {
  return new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? null;
}

/**
 * Opens a client that closes its connection when the server is stale, and connects to its address again. After a failover the
 * address leads to the new primary, while an open connection stays on the demoted server for ever. A patient client sends the
 * refused command again, which is safe because a stale server has done nothing; the other one lets it fail. Copies of a client
 * inherit this, and so do the nodes of a cluster, which then reads its topology again.
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
 * Keeps a client and every copy that BullMQ and the rate limiter make of it. All of them must leave a stale server. And while
 * Redis is away, `worker.close()` never ends the copies for blocking reads, and a single one of these keeps the process alive.
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

/** Guarantee: the arguments are passed on unchanged, and BullMQ makes them fit the kind of client that it got. */
function duplicatorOf(client: SharedRedis): (args: unknown[]) => SharedRedis {
  const duplicate = client.duplicate as (...args: unknown[]) => SharedRedis;
  if (client instanceof Redis) return (args) => duplicate.apply(client, args);
  return ([first, ...rest]) => {
    // The caller means `Redis.duplicate(options)`. A cluster takes its nodes first, and the options of a node by name.
    if (rest.length === 0 && first !== undefined && !Array.isArray(first)) {
      const redisOptions = Object.assign({}, client.options.redisOptions, first);
      return duplicate.call(client, [], { redisOptions });
    }
    return duplicate.call(client, first, ...rest);
  };
}

/**
 * Guarantee: only commands on single keys and `duplicate(options)` are used. A Cluster has both, the latter by `duplicatorOf`.
 */
function asRedis(client: SharedRedis): Redis {
  return client as Redis;
}

async function endClient(client: SharedRedis): Promise<void> {
  if (client.status === 'end') return;
  if (client.status === 'ready') await endsWithin(client.quit(), QUIT_MS);
  client.disconnect();
}

/**
 * Asks every open connection every few seconds for the role of its server. Opens all of them again when one leads to a demoted
 * server or gets no answer. The refusals of a stale server (see `clientFor`) do not show everything: a replica answers reads, a
 * refusal inside of a transaction is hidden in its reply, a subscriber asks nothing, and a half-open socket says nothing for a
 * quarter of an hour. Returns the function that stops these probes.
 */
function watchConnections(open: ReadonlySet<SharedRedis>): () => void {
  const missed = new WeakMap<Redis, number>();
  let checking = false;
  const check = async (): Promise<void> => {
    if (checking) return;
    checking = true;
    const clients = [...open];
    const alone = clients.filter((client) => client instanceof Redis);
    const nodes = clients.flatMap((client) => (client instanceof Redis ? [] : client.nodes('all')));
    const [ofAlone, ofNodes] = await Promise.all([
      Promise.all(alone.map((client) => ask(client, missed))),
      Promise.all(nodes.map((node) => ask(node, missed))),
    ]);
    if (ofAlone.some((found) => found === 'replica' || found === 'silent')) for (const client of alone) renew(client);
    // A node of a cluster may be a replica. When a connection to one ends, the cluster reads its topology again.
    for (const [i, node] of nodes.entries()) if (ofNodes[i] === 'silent') renew(node);
    checking = false;
  };
  const timer = setInterval(() => void check(), CHECK_EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}

/** Never rejects. Says `silent` only after several missing answers in a row. */
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
    const info = await queueAnswer(client.info('replication'), ANSWER_MS, 'asking for the role');
    return infoField(info, 'role') === 'slave' ? 'replica' : 'primary';
  } catch (error) {
    // A refusal is an answer too: this user may not be allowed to ask.
    return error instanceof Error && error.name === 'ReplyError' ? 'primary' : 'silent';
  }
}

/** Ends the connection and opens another one. A patient client then sends again the commands that wait for an answer. */
function renew(client: Redis): void {
  if (client.status === 'ready') client.disconnect(true);
}
