import { Cluster, Redis } from 'ioredis';
import type { RedisTarget } from '../config/config.ts';
import { endsWithin } from './deadline.ts';

export type SharedRedis = Redis | Cluster;

export interface Patience {
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

/**
 * Opens a client that gives its connection up when the server is stale, and asks its address again: after a failover the address
 * leads to the new primary, while an open connection stays on the demoted one for ever. A patient client sends the refused
 * command again, which is safe because a stale server has done nothing; a hasty one lets it fail. Copies of a client inherit
 * all this, and so do the nodes of a cluster, which has its topology read anew.
 */
export function clientFor(target: RedisTarget, { maxRetriesPerRequest, enableOfflineQueue }: Patience): SharedRedis {
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
export function track(client: SharedRedis, open: Set<SharedRedis>): SharedRedis {
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
export function asRedis(client: SharedRedis): Redis {
  return client as Redis;
}

export async function endClient(client: SharedRedis): Promise<void> {
  if (client.status === 'end') return;
  if (client.status === 'ready') await endsWithin(client.quit(), QUIT_MS);
  client.disconnect();
}
