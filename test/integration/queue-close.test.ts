import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../../src/cli/run.ts';
import { realServices } from '../../src/cli/services.ts';
import { secret } from '../../src/config/config.ts';
import { createLog } from '../../src/observability/log.ts';
import { redisBackend } from '../../src/queues/redis.ts';
import { testIo } from '../support/cli-runs.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { hasRedis, redisUrl } from '../support/redis.ts';
import { ensureTemplate } from '../support/template.ts';
import { until } from '../support/until.ts';

describe.skipIf(!hasRedis())('a Redis that answers is never called one that does not', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    await ensureTemplate();
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());

  it('by a command that fails at once, ten times of ten: it ends its connections while they are still being opened', async () => {
    const env = { DATABASE_URL: database.url, REDIS_URL: redisUrl(), LOG_LEVEL: 'warn' };
    const logged: string[] = [];
    const services = {
      ...realServices,
      createLog: async () =>
        createLog({ level: 'warn', format: 'json', destination: { write: (line: string) => void logged.push(line) } }),
    };
    for (let run = 0; run < 10; run++) {
      // A person at a terminal says no.
      const { io, err } = testIo('n\n', env);
      expect(await runCli(['buy', '--ndc', '312=1'], { ...io, canAsk: true }, services)).toBe(6);
      expect(err()).toContain('you did not confirm');
    }
    expect(logged).toEqual([]);
  });

  it('and one that does not answer is told of while the backend is open', async () => {
    const told: string[] = [];
    const nowhere = redisBackend(
      { kind: 'single', url: secret('redis://127.0.0.1:1') },
      { onError: (error) => void told.push(error.message) },
    );
    await until('the error is told', () => told.some((text) => text.includes('ECONNREFUSED')));
    await nowhere.close();
  });
});
