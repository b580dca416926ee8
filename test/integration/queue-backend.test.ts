import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ProvisioningError } from '../../src/domain/errors.ts';
import { done, failed, hold, snooze } from '../../src/domain/outcome.ts';
import type { Handlers } from '../../src/processors/context.ts';
import type { QueueBackend } from '../../src/queues/backend.ts';
import type { AnyEnqueue } from '../../src/queues/port.ts';
import type { Queues } from '../../src/queues/queues.ts';
import type { Workers } from '../../src/queues/workers.ts';
import { backendCases } from '../support/backends.ts';
import { queuesOn, recordingIn, workersOn } from '../support/fake-handlers.ts';
import { timed, until } from '../support/until.ts';

// What the product relies on from a queue, on both stores. When one of these breaks after an upgrade, the design breaks.

const batch = (id: string, extra: Partial<AnyEnqueue> = {}): AnyEnqueue => ({
  name: 'batch.run',
  payload: { chunkId: id, requestId: 'r' },
  id,
  ...withoutPayload(extra),
});

function withoutPayload({ delayMs, priority }: Partial<AnyEnqueue>) {
  return { ...(delayMs === undefined ? {} : { delayMs }), ...(priority === undefined ? {} : { priority }) };
}

for (const store of backendCases()) {
  describe.skipIf(!store.available)(`queue on ${store.name}`, () => {
    let backend: QueueBackend;
    let queues: Queues;
    let dispose: () => Promise<void>;
    let running: Workers[] = [];

    const work = (handlers: Partial<Handlers>, concurrency = {}): Workers => {
      const workers = workersOn(backend, handlers, concurrency);
      running.push(workers);
      return workers;
    };

    beforeEach(async () => {
      ({ backend, dispose } = await store.open());
      queues = queuesOn(backend);
    });

    afterEach(async () => {
      for (const workers of running) await workers.close({ deadlineMs: 5_000 });
      running = [];
      await queues.close();
      await dispose();
    });

    it('runs a job once when its id is added twice, also after it has ended', async () => {
      const seen: string[] = [];
      work(recordingIn(seen));
      await queues.add([batch('a-1'), batch('a-1')]);
      await until('a-1 has ended', async () => (await queues.presence('batch.run', 'a-1')) === 'finished');
      await queues.add([batch('a-1'), batch('a-2')]);
      await until('a-2 has ended', async () => (await queues.presence('batch.run', 'a-2')) === 'finished');
      expect(seen).toEqual(['a-1', 'a-2']);
    });

    it('keeps a delayed job back until its time, and runs it at once when woken', async () => {
      const seen: string[] = [];
      work(recordingIn(seen));
      await queues.add([batch('late-1', { delayMs: 60_000 }), batch('soon-1')]);
      await until('the job without delay ran', () => seen.includes('soon-1'));
      expect(await queues.presence('batch.run', 'late-1')).toBe('live');
      expect((await queues.counts())['batch-jobs'].delayed).toBe(1);
      await queues.wake('batch.run', 'late-1');
      await until('the woken job ran', () => seen.includes('late-1'));
    });

    it('ignores waking what is missing, waiting or finished', async () => {
      await queues.wake('batch.run', 'never-1');
      expect(await queues.presence('batch.run', 'never-1')).toBe('missing');
      await queues.add([batch('b-1')]);
      await queues.wake('batch.run', 'b-1');
      work({});
      await until('b-1 has ended', async () => (await queues.presence('batch.run', 'b-1')) === 'finished');
      await queues.wake('batch.run', 'b-1');
    });

    it('uses no attempt for snoozes and for errors that say "later"', async () => {
      const attempts: number[] = [];
      work({
        'batch.run': async (_, ctx) => {
          attempts.push(ctx.attempt);
          if (attempts.length <= 6) return snooze(10, 'not yet');
          if (attempts.length <= 8) throw new ProvisioningError('rate_limited', 'retry', 'later', { retryAfterMs: 10 });
          return done();
        },
      });
      await queues.add([batch('s-1')]);
      await until('s-1 has ended', async () => (await queues.presence('batch.run', 's-1')) === 'finished');
      expect(attempts).toEqual(Array.from({ length: 9 }, () => 1));
      expect((await queues.counts())['batch-jobs'].failed).toBe(0);
    });

    it('uses an attempt for an unexpected error, and none more for a failure that is final', async () => {
      const attempts: number[] = [];
      work({
        'webhook.apply': async (_, ctx) => {
          attempts.push(ctx.attempt);
          if (attempts.length === 1) throw new Error('unexpected');
          return failed('it cannot be done');
        },
      });
      await queues.add([{ name: 'webhook.apply', payload: { eventId: 'e' }, id: 'e-1' }]);
      await until('e-1 has ended', async () => (await queues.presence('webhook.apply', 'e-1')) === 'finished');
      expect(attempts).toEqual([1, 2]);
      expect((await queues.counts()).webhooks.failed).toBe(1);
    });

    it('never has more held jobs than slots, over two workers', async () => {
      await queues.setLimits(3);
      let open = 0;
      let most = 0;
      const rounds = new Map<string, number>();
      const handler: Handlers['batch.run'] = async ({ chunkId }) => {
        const round = (rounds.get(chunkId) ?? 0) + 1;
        rounds.set(chunkId, round);
        if (round === 1) most = Math.max(most, ++open);
        if (round < 4) return hold(20, 'the batch job is open');
        open -= 1;
        return done();
      };
      work({ 'batch.run': handler });
      work({ 'batch.run': handler });
      const ids = Array.from({ length: 12 }, (_, index) => `h-${index}`);
      await queues.add(ids.map((id) => batch(id)));
      await until('all have ended', async () =>
        (await Promise.all(ids.map((id) => queues.presence('batch.run', id)))).every((p) => p === 'finished'),
      );
      expect(most).toBe(3);
      expect([...rounds.values()]).toEqual(ids.map(() => 4));
    });

    it('runs small numbers of priority first', async () => {
      const seen: string[] = [];
      await queues.add([5, 3, 900, 1, 4].map((priority) => batch(`p-${priority}`, { priority })));
      work(recordingIn(seen), { 'batch-jobs': 1 });
      await until('all have run', () => seen.length === 5);
      expect(seen).toEqual(['p-1', 'p-3', 'p-4', 'p-5', 'p-900']);
    });

    it('gives held jobs back at once when it closes, and another worker goes on with them', async () => {
      const first = work({ 'batch.run': async () => hold(60_000, 'for a long time') });
      await queues.add([batch('c-1'), batch('c-2')]);
      await until('both are held', () => first.running().length === 2);
      const { value: clean, ms } = await timed(() => first.close({ deadlineMs: 10_000 }));
      expect(clean).toBe(true);
      expect(ms).toBeLessThan(3_000);
      const seen: string[] = [];
      work(recordingIn(seen));
      await until('both ran elsewhere', () => seen.length === 2);
    });

    it('leaves a job that does not end behind after the deadline, and another worker takes it over', async () => {
      const stuck = work({ 'batch.run': () => new Promise(() => undefined) });
      await queues.add([batch('d-1')]);
      await until('it runs', () => stuck.running().length === 1);
      const { value: clean, ms } = await timed(() => stuck.close({ deadlineMs: 300 }));
      expect(clean).toBe(false);
      expect(ms).toBeLessThan(3_000);
      const seen: string[] = [];
      work(recordingIn(seen));
      await until('another worker ran it', () => seen.includes('d-1'));
    });

    it('keeps schedules once, however often they are set, and forgets one that is switched off', async () => {
      const schedule = { name: 'reconcile.nightly', cron: '0 3 * * *', tz: 'America/Chicago' } as const;
      await queues.upsertSchedules([schedule]);
      await queues.upsertSchedules([schedule]);
      expect((await queues.counts()).reconcile.delayed).toBe(1);
      await queues.upsertSchedules([{ ...schedule, cron: null }]);
      expect((await queues.counts()).reconcile.delayed).toBe(0);
    });

    it('knows no limit that somebody set by hand any more, once the workers set theirs', async () => {
      const buy = queues.all().find(({ name }) => name === 'buy');
      if (buy === undefined) throw new Error('no queue');
      await buy.setGlobalConcurrency(1);
      await buy.setGlobalRateLimit(1, 3_600_000);
      const seen: string[] = [];
      work({
        'order.run': async ({ chunkId }) => {
          seen.push(chunkId);
          return done();
        },
      });
      const order = (id: string): AnyEnqueue => ({ name: 'order.run', payload: { chunkId: id, requestId: 'r' }, id });
      await queues.add([order('o-1'), order('o-2')]);
      await until('the limit holds the second one back', async () => seen.length === 1 && (await buy.getRateLimitTtl()) > 0);
      await queues.setLimits(3);
      expect([await buy.getGlobalConcurrency(), await buy.getGlobalRateLimit()]).toEqual([null, null]);
      await until('the second ran', () => seen.length === 2, { withinMs: 40_000 });
    }, 60_000);

    it('runs once in the night that jumps over the time of a nightly line', async () => {
      vi.useFakeTimers({ now: Date.parse('2026-09-05T12:00:00Z'), toFake: ['Date'] });
      try {
        await queues.upsertSchedules([{ name: 'reconcile.nightly', cron: '0 0 * * *', tz: 'America/Santiago' }]);
      } finally {
        vi.useRealTimers();
      }
      const schedulers = await Promise.all(queues.all().map((queue) => queue.getJobSchedulers()));
      expect(schedulers.flat().map(({ next }) => new Date(next ?? 0).toISOString())).toEqual(['2026-09-06T04:00:00.000Z']);
    });
  });
}
