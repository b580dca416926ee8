import { randomBytes } from 'node:crypto';
import { secret } from '../../src/config/config.ts';
import type { QueueBackend } from '../../src/queues/backend.ts';
import { postgresBackend } from '../../src/queues/postgres.ts';
import { redisBackend } from '../../src/queues/redis.ts';
import { createTestDatabase } from './postgres.ts';
import { hasRedis, redisUrl } from './redis.ts';

/** One backend for the suites. `open` gives a store that nobody else uses. */
export interface BackendCase {
  name: 'redis' | 'postgres';
  available: boolean;
  open(): Promise<{ backend: QueueBackend; dispose(): Promise<void> }>;
}

const quiet = { onError: () => undefined };

/** Every integration suite runs once for each of these. */
export function backendCases(): BackendCase[] {
  return [
    { name: 'postgres', available: true, open: openPostgres },
    { name: 'redis', available: hasRedis(), open: openRedis },
  ];
}

async function openPostgres() {
  const database = await createTestDatabase();
  const backend = postgresBackend(secret(database.url), quiet);
  await backend.prepare();
  const dispose = async (): Promise<void> => {
    await backend.close();
    await database.drop();
  };
  return { backend, dispose };
}

async function openRedis() {
  const namespace = `test-${randomBytes(4).toString('hex')}`;
  const backend = redisBackend({ kind: 'single', url: secret(redisUrl()) }, { ...quiet, namespace });
  return { backend, dispose: () => backend.close() };
}
