import { inject } from 'vitest';

export { type PrivateRedis, startRedis } from './redis-server.ts';

/** True when the tests have a Redis. For `describe.skipIf`. */
export const hasRedis = (): boolean => inject('redisUrl') !== null;

/** Returns the shared Redis of this run. Use your own key prefix. Start a private one to flush or kill it. */
export function redisUrl(): string {
  const url = inject('redisUrl');
  if (url === null) throw new Error('there is no Redis; guard this suite with hasRedis()');
  return url;
}
