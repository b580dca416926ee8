import type { TestProject } from 'vitest/node';
import { redisProgram, startRedis } from './redis-server.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** `null` when this machine has no Redis. */
    redisUrl: string | null;
  }
}

/** Uses `TEST_REDIS_URL`, else starts a Redis. Without either, the suites that need Redis are skipped, or fail when CI is set. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const given = process.env['TEST_REDIS_URL'];
  if (given !== undefined && given !== '') {
    project.provide('redisUrl', given);
    return async () => undefined;
  }
  if (redisProgram() === null) {
    const message = 'NO REDIS: set TEST_REDIS_URL or install redis-server; every test on the Redis backend is SKIPPED';
    if (process.env['CI'] === 'true') throw new Error(message);
    process.stderr.write(`\n*** ${message} ***\n\n`);
    project.provide('redisUrl', null);
    return async () => undefined;
  }
  const server = await startRedis();
  project.provide('redisUrl', server.url);
  return () => server.stop();
}
