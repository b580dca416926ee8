import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { secret } from '../../src/config/config.ts';
import { done, hold } from '../../src/domain/outcome.ts';
import type { QueueBackend } from '../../src/queues/backend.ts';
import type { AnyEnqueue } from '../../src/queues/port.ts';
import type { Queues } from '../../src/queues/queues.ts';
import { redisBackend } from '../../src/queues/redis.ts';
import type { Workers } from '../../src/queues/workers.ts';
import { queuesOn, recordingIn, workersOn } from '../support/fake-handlers.ts';
import { type PrivateRedis, startRedis } from '../support/redis.ts';
import { redisProgram } from '../support/redis-server.ts';
import { timed, until } from '../support/until.ts';

const job = (id: string): AnyEnqueue => ({ name: 'batch.run', payload: { chunkId: id, requestId: 'r' }, id });

describe.skipIf(redisProgram() === null)('a Redis that goes away', () => {
  let redis: PrivateRedis;
  let backend: QueueBackend;
  let queues: Queues;
  let workers: Workers | null = null;

  beforeEach(async () => {
    redis = await startRedis();
    backend = redisBackend({ kind: 'single', url: secret(redis.url) }, { onError: () => undefined });
    queues = queuesOn(backend);
  });

  afterEach(async () => {
    await workers?.close({ deadlineMs: 2_000 });
    workers = null;
    await queues.close();
    await backend.close();
    await redis.stop();
  });

  it('is no reason to hang: adding fails within seconds, closing ends within its deadline', async () => {
    workers = workersOn(backend, { 'batch.run': async () => hold(60_000, 'open') });
    const running = workers;
    await queues.add([job('a-1')]);
    await until('the job is held', () => running.running().length === 1);
    await redis.kill();
    const added = await timed(() =>
      queues.add([job('a-2')]).then(
        () => 'added',
        () => 'refused',
      ),
    );
    expect(added.value).toBe('refused');
    expect(added.ms).toBeLessThan(6_000);
    const closed = await timed(() => running.close({ deadlineMs: 1_000 }));
    expect(closed.value).toBe(false);
    expect(closed.ms).toBeLessThan(3_000);
    const rest = await timed(async () => {
      await queues.close();
      await backend.close();
    });
    expect(rest.ms).toBeLessThan(5_000);
  });

  it('leaves a working queue when it comes back empty', async () => {
    const seen: string[] = [];
    workers = workersOn(backend, recordingIn(seen));
    await queues.add([job('b-1')]);
    await until('the first job ran', () => seen.length === 1);
    await redis.kill();
    await redis.start();
    // As the sweep does: add again until the queue takes it.
    await until('the queue takes jobs again', () =>
      queues.add([job('b-2')]).then(
        () => true,
        () => false,
      ),
    );
    await until('the job ran', () => seen.includes('b-2'));
    expect(await queues.presence('batch.run', 'b-1')).toBe('missing');
  });

  it('lets go of a held job after a flush, so that the re-added one does not run twice at a time', async () => {
    let open = 0;
    const seen: string[] = [];
    const ended: string[] = [];
    workers = workersOn(backend, {
      'batch.run': async ({ chunkId }, ctx) => {
        seen.push(chunkId);
        open += 1;
        await new Promise((resolve) => ctx.signal.addEventListener('abort', resolve, { once: true }));
        open -= 1;
        ended.push(chunkId);
        return done();
      },
    });
    await queues.add([job('c-1')]);
    await until('it runs', () => open === 1);
    await backend.redis?.flushall();
    await until('the lost run has let go', () => ended.length === 1);
    await queues.add([job('c-1')]);
    await until('it runs again', () => seen.length === 2);
    expect(open).toBe(1);
  });
});
