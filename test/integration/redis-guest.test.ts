import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { buildRole } from '../../src/app/roles.ts';
import { loadConfig, secret } from '../../src/config/config.ts';
import { createLog } from '../../src/observability/log.ts';
import { RETENTION } from '../../src/queues/catalogue.ts';
import { redisBackend, refuseEviction } from '../../src/queues/redis.ts';
import { expectAgreement } from '../support/expect-agreement.ts';
import { queuesOn, recordingIn, workersOn } from '../support/fake-handlers.ts';
import { API_KEY, type Harness, openHarness } from '../support/harness.ts';
import { createTestDatabase } from '../support/postgres.ts';
import { type PrivateRedis, startRedis } from '../support/redis.ts';
import { redisProgram } from '../support/redis-server.ts';
import { ensureTemplate } from '../support/template.ts';
import { until } from '../support/until.ts';

/** What BullMQ keeps of its own for the five queues, and the limiter for its families, whatever the number of jobs. */
const KEYS_BESIDE_JOBS = 100;
const CHUNKS = 250;
/** Job, events and room of the allocator; a job that waits is some 300 bytes. */
const MOST_BYTES_A_CHUNK = 8_192;
/** BullMQ trims the events of a queue to about this many. */
const EVENTS_KEPT = 10_000;

describe.skipIf(redisProgram() === null)('as a guest of a Redis', () => {
  let redis: PrivateRedis;
  let admin: Redis;

  beforeAll(async () => {
    redis = await startRedis();
    admin = new Redis(redis.url);
    admin.on('error', () => undefined);
  });
  afterEach(async () => {
    await admin.config('SET', 'maxmemory', '0');
    await admin.config('SET', 'maxmemory-policy', 'noeviction');
    await admin.flushall();
  });
  afterAll(async () => {
    admin.disconnect();
    await redis.stop();
  });

  const onRedis = (more: Parameters<typeof openHarness>[0] = {}): Promise<Harness> =>
    openHarness({ backend: 'redis', redis: redis.url, ...more });

  async function usedBytes(): Promise<number> {
    return Number(/used_memory:(\d+)/.exec(await admin.info('memory'))?.[1]);
  }

  /** The number of entries of each key, by its name. */
  async function sizes(): Promise<Map<string, number>> {
    const found = new Map<string, number>();
    for (const key of await admin.keys('*')) {
      const type = await admin.type(key);
      const size =
        type === 'zset'
          ? await admin.zcard(key)
          : type === 'list'
            ? await admin.llen(key)
            : type === 'set'
              ? await admin.scard(key)
              : type === 'stream'
                ? await admin.xlen(key)
                : type === 'hash'
                  ? await admin.hlen(key)
                  : 1;
      found.set(key, size);
    }
    return found;
  }

  it('a worker does not start where jobs may be evicted, and says which setting to change; it starts when told to', async () => {
    await ensureTemplate();
    const database = await createTestDatabase();
    const env = {
      DATABASE_URL: database.url,
      REDIS_URL: redis.url,
      TELNYX_API_KEY: API_KEY,
      TELNYX_BASE_URL: 'http://127.0.0.1:9/v2',
      PROVISIONER_RECONCILE_CRON: 'off',
      LOG_LEVEL: 'silent',
    };
    const start = async (more: Record<string, string>): Promise<void> => {
      const config = loadConfig({ ...env, ...more });
      const { lifecycle } = await buildRole('worker', config, createLog(config.log), { namespace: 'guest' });
      try {
        await lifecycle.start();
      } finally {
        await lifecycle.stop('the test is over');
      }
    };
    // BullMQ warns of the policy by itself.
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    try {
      await admin.config('SET', 'maxmemory-policy', 'allkeys-lru');
      await expect(start({})).rejects.toMatchObject({
        code: 'redis_evicts',
        message: expect.stringMatching(/maxmemory-policy is allkeys-lru.*PROVISIONER_ALLOW_EVICTION=1/),
      });
      await start({ PROVISIONER_ALLOW_EVICTION: '1' });
      await admin.config('SET', 'maxmemory-policy', 'noeviction');
      await start({});
      await redis.kill();
      // Away is not refused: Postgres has the work.
      await refuseEviction({ kind: 'single', url: secret(redis.url) });
    } finally {
      warn.mockRestore();
      await redis.start();
      await database.drop();
    }
  });

  it('I6 a full Redis refuses no request: it is stored, a warning is logged, and it is done unaided when there is room again', async () => {
    const h = await onRedis({ simulator: { owned: 30, numbers: 600 } });
    try {
      await h.learnInventory();
      await h.start();
      await h.run({ kind: 'update', phone_numbers: h.sim.ownedNumbers().slice(0, 5), set: { tags: ['before'] } });
      await admin.config('SET', 'maxmemory', '1');
      await expect(admin.set('any', 'thing')).rejects.toThrow(/OOM/);
      const update = await h.submit({
        kind: 'update',
        phone_numbers: h.sim.ownedNumbers().slice(5, 20),
        set: { tags: ['full'] },
      });
      const buy = await h.submit({ kind: 'buy', lines: [{ national_destination_code: '312', quantity: 10 }] });
      expect(h.logged()).toContain('the queue did not take the queue jobs; the sweep will add them');
      expect([(await h.view(update)).counts.pending, (await h.view(buy)).counts.pending]).toEqual([15, 10]);
      await admin.config('SET', 'maxmemory', '0');
      for (const id of [update, buy]) {
        expect(await h.ended(id, { withinMs: 40_000 })).toMatchObject({ status: 'succeeded' });
        await expectAgreement(h, id);
      }
    } finally {
      await h.close();
    }
  });

  it('chunks leave a job each and nothing more: keys and bytes are bounded by what is kept of jobs', {
    timeout: 100_000,
  }, async () => {
    const h = await onRedis({
      simulator: { owned: 280, numbers: 600, jobPendingMs: 0 },
      limits: { batchSize: 1 },
      jobSlots: 20,
    });
    try {
      await h.learnInventory();
      await h.start();
      const numbers = h.sim.ownedNumbers();
      const before = await usedBytes();
      const view = await h.run(
        { kind: 'update', phone_numbers: numbers.slice(0, CHUNKS), set: { tags: ['tiny'] } },
        { withinMs: 80_000 },
      );
      expect(view).toMatchObject({ status: 'succeeded', chunks: { total: CHUNKS } });
      const keys = await sizes();
      expect(keys.size).toBeLessThanOrEqual(Math.min(CHUNKS, RETENTION.completed.count) + KEYS_BESIDE_JOBS);
      for (const [key, size] of keys) expect(size, key).toBeLessThanOrEqual(EVENTS_KEPT * 1.1);
      expect((await usedBytes()) - before).toBeLessThan(CHUNKS * MOST_BYTES_A_CHUNK);
    } finally {
      await h.close();
    }
  });

  it(`of ${RETENTION.completed.count + 500} finished jobs no more stay than are to be kept`, async () => {
    const total = RETENTION.completed.count + 500;
    const backend = redisBackend({ kind: 'single', url: secret(redis.url) }, { onError: () => undefined, namespace: 'kept' });
    const queues = queuesOn(backend);
    const seen: string[] = [];
    const workers = workersOn(backend, recordingIn(seen));
    try {
      await queues.add(
        Array.from({ length: total }, (_, i) => ({
          name: 'batch.run' as const,
          payload: { chunkId: `c${i}`, requestId: 'r' },
          id: `c${i}-0`,
        })),
      );
      await until('all have run', () => seen.length === total, { withinMs: 50_000 });
      await until('all are finished', async () => {
        const { waiting, active } = (await queues.counts())['batch-jobs'];
        return waiting + active === 0;
      });
      const keys = await sizes();
      expect(keys.size).toBeLessThanOrEqual(RETENTION.completed.count + KEYS_BESIDE_JOBS);
      for (const [key, size] of keys) expect(size, key).toBeLessThanOrEqual(EVENTS_KEPT * 1.1);
      expect(keys.get('{kept}:batch-jobs:completed')).toBeLessThanOrEqual(RETENTION.completed.count);
    } finally {
      await workers.close({ deadlineMs: 5_000 });
      await queues.close();
      await backend.close();
    }
  });

  it('readiness tells that a queue is not consumed', async () => {
    await ensureTemplate();
    const database = await createTestDatabase();
    const config = loadConfig({
      DATABASE_URL: database.url,
      REDIS_URL: redis.url,
      PROVISIONER_PORT: '0',
      LOG_LEVEL: 'silent',
    });
    const { lifecycle, foundation, url } = await buildRole('serve', config, createLog(config.log), {
      namespace: 'stuck',
      healthEveryMs: 500,
    });
    const ready = async (): Promise<{ status: number; problems: string[]; notices: string[] }> => {
      const answer = await fetch(new URL('/readyz', url() ?? ''));
      const { problems, notices } = (await answer.json()) as { problems: string[]; notices: string[] };
      return { status: answer.status, problems, notices };
    };
    const realNow = Date.now;
    try {
      await foundation.queues.add([{ name: 'batch.run', payload: { chunkId: 'c', requestId: 'r' }, id: 'c-0' }]);
      await lifecycle.start();
      // Seen waiting once; the gauge tells.
      await until('the watchdog has looked', async () =>
        /queue="batch-jobs",state="waiting"\} 1/.test(await foundation.metrics.registry.metrics()),
      );
      expect(await ready()).toMatchObject({ status: 200, problems: [] });
      const passed = vi.spyOn(Date, 'now').mockImplementation(() => realNow() + 46_000);
      const told = await until('it is told', async () => {
        const seen = await ready();
        return seen.notices.some((text) => text.startsWith('queue')) ? seen : null;
      }).finally(() => passed.mockRestore());
      // A process that only serves stays ready: what is submitted to it is stored.
      expect(told).toMatchObject({ status: 200, problems: [] });
      expect(told.notices).toContain('queue batch-jobs: work waits and nothing is consumed');
    } finally {
      await lifecycle.stop('the test is over');
      await database.drop();
    }
  });
});
