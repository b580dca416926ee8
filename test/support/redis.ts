import { inject } from 'vitest';

export { type PrivateRedis, startRedis } from './redis-server.ts';

/** Is there a Redis for the tests? For `describe.skipIf`. */
export const hasRedis = (): boolean => inject('redisUrl') !== null;

/** The shared Redis of this run. Use your own key prefix; to flush or kill one, start a private one. */
export function redisUrl(): string {
  const url = inject('redisUrl');
  if (url === null) throw new Error('there is no Redis; guard this suite with hasRedis()');
  return url;
}
