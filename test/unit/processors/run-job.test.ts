import { DelayedError, type Job, UnrecoverableError } from 'bullmq';
import { describe, expect, it, vi } from 'vitest';
import { ProvisioningError } from '../../../src/domain/errors.ts';
import { done, failed, hold, type Outcome, skipped, snooze } from '../../../src/domain/outcome.ts';
import { silentLog } from '../../../src/observability/log.ts';
import { createMetrics } from '../../../src/observability/metrics.ts';
import type { Handlers } from '../../../src/processors/context.ts';
import { createRunJob } from '../../../src/processors/run-job.ts';
import { fakeHandlers } from '../../support/fake-handlers.ts';

function setUp(handler: Handlers['batch.run']) {
  const metrics = createMetrics();
  const run = createRunJob({ handlers: fakeHandlers({ 'batch.run': handler }), log: silentLog, metrics, backoffMs: 70 });
  const moveToDelayed = vi.fn(async (_at: number, _token: string) => undefined);
  const stop = new AbortController();
  const start = (over: object = {}) => run(asJob({ ...fields, moveToDelayed, ...over }), 'token', stop.signal);
  return { start, stop, moveToDelayed, metrics };
}

const fields = {
  name: 'batch.run',
  id: 'c-1',
  queueName: 'batch-jobs',
  data: { chunkId: 'c', requestId: 'r' },
  attemptsMade: 0,
  opts: { attempts: 5 },
};

/** Sound because `run-job` uses only the fields given here. */
function asJob(job: object): Job {
  return job as Job;
}

const saying = (...outcomes: Outcome[]) => {
  const left = [...outcomes];
  return async () => left.shift() ?? done();
};

describe('run-job', () => {
  it('gives back what the dashboard shows', async () => {
    expect(await setUp(saying(done())).start()).toEqual({ outcome: 'done' });
    const bought = setUp(saying(done('3 bought')));
    expect(await bought.start()).toEqual({ outcome: 'done', reason: '3 bought' });
    expect((await bought.metrics.jobsProcessed.get()).values).toMatchObject([{ value: 1, labels: { outcome: 'done' } }]);
    expect(await setUp(saying(skipped('not ours'))).start()).toEqual({ outcome: 'skipped', reason: 'not ours' });
  });

  it('snoozes with the pair that BullMQ needs', async () => {
    const { start, moveToDelayed } = setUp(saying(snooze(5_000, 'later')));
    const before = Date.now();
    await expect(start()).rejects.toThrow(DelayedError);
    expect(moveToDelayed).toHaveBeenCalledOnce();
    const [at, token] = moveToDelayed.mock.calls[0] ?? [0, ''];
    expect(at - before).toBeGreaterThanOrEqual(5_000);
    expect(token).toBe('token');
  });

  it('holds in place, and looks again until it is done', async () => {
    const { start, moveToDelayed, metrics } = setUp(saying(hold(1, 'open'), hold(1, 'open'), done()));
    expect(await start()).toEqual({ outcome: 'done' });
    expect(moveToDelayed).not.toHaveBeenCalled();
    const counted = await metrics.jobsProcessed.get();
    expect(counted.values).toEqual(
      expect.arrayContaining([expect.objectContaining({ value: 2, labels: { job: 'batch.run', outcome: 'hold' } })]),
    );
  });

  it('turns a hold into a short snooze as soon as the process stops', async () => {
    const { start, stop, moveToDelayed } = setUp(saying(hold(600_000, 'open')));
    const running = start();
    stop.abort();
    const before = Date.now();
    await expect(running).rejects.toThrow(DelayedError);
    const [at] = moveToDelayed.mock.calls[0] ?? [0];
    expect(at - before).toBeLessThanOrEqual(1_500);
  });

  it('fails for good only when the handler says so, the payload is wrong or the job is unknown', async () => {
    await expect(setUp(saying(failed('no'))).start()).rejects.toThrow(UnrecoverableError);
    await expect(setUp(saying(done())).start({ data: { chunkId: 1 } })).rejects.toThrow(/payload of batch.run is wrong.*chunkId/);
    await expect(setUp(saying(done())).start({ name: 'fax.send' })).rejects.toThrow(UnrecoverableError);
  });

  it.each([
    ['retry', 1_000],
    ['account', undefined],
  ] as const)('puts a job off after an error of disposition %s', async (disposition, retryAfterMs) => {
    const { start, moveToDelayed } = setUp(async () => {
      throw new ProvisioningError('forbidden', disposition, 'x', retryAfterMs === undefined ? {} : { retryAfterMs });
    });
    const before = Date.now();
    await expect(start()).rejects.toThrow(DelayedError);
    expect((moveToDelayed.mock.calls[0]?.[0] ?? 0) - before).toBeGreaterThanOrEqual(retryAfterMs ?? 70);
  });

  it('leaves other errors to the tries of the queue, without their secrets', async () => {
    const { start, moveToDelayed } = setUp(async () => {
      throw new Error('GET with Bearer abcdefghijkl failed');
    });
    const thrown = await start().then(
      () => null,
      (error: unknown) => error,
    );
    expect(thrown).toBeInstanceOf(Error);
    expect(thrown).not.toBeInstanceOf(UnrecoverableError);
    expect(String(thrown)).toBe('Error: GET with Bearer [redacted] failed');
    expect(moveToDelayed).not.toHaveBeenCalled();
  });

  it('tells the handler which try this is', async () => {
    const seen: [number, boolean][] = [];
    const { start } = setUp(async (_, ctx) => {
      seen.push([ctx.attempt, ctx.lastAttempt]);
      return done();
    });
    await start();
    await start({ attemptsMade: 4 });
    expect(seen).toEqual([
      [1, false],
      [5, true],
    ]);
  });
});
