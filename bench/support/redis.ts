import { startTemporaryRedis } from '../../src/cli/demo/redis-server.ts';

/** The Redis of `REDIS_URL`, or one that is started for the benchmark; throws when there is none on the PATH. */
export async function openRedis(): Promise<{ url: string; stop(): Promise<void> }> {
  const given = process.env['REDIS_URL'];
  if (given !== undefined && given !== '') return { url: given, stop: async () => undefined };
  return startTemporaryRedis();
}
