import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { done, snooze } from '../../src/domain/outcome.ts';
import { createLog } from '../../src/observability/log.ts';
import type { Handlers } from '../../src/processors/context.ts';
import type { QueueBackend } from '../../src/queues/backend.ts';
import type { AnyEnqueue } from '../../src/queues/port.ts';
import type { Queues } from '../../src/queues/queues.ts';
import type { Workers } from '../../src/queues/workers.ts';
import { backendCases } from '../support/backends.ts';
import { queuesOn, workersOn } from '../support/fake-handlers.ts';
import { until } from '../support/until.ts';

// A worker that lives never looks like one that is gone, however its jobs come back to it.

const LOCK_MS = 900;
const STALLED_MS = 250;
/** A call that outlasts its lock and two looks for stalled jobs. */
const CALL_MS = 2_400;

const order = (id: string): AnyEnqueue => ({ name: 'order.run', payload: { chunkId: id, requestId: 'r' }, id });

for (const store of backendCases()) {
  describe.skipIf(!store.available)(`locks on ${store.name}`, () => {
    let backend: QueueBackend;
    let queues: Queues;
    let dispose: () => Promise<void>;
    let workers: Workers | null = null;
    let logged = '';

    const work = (handlers: Partial<Handlers>): void => {
      const log = createLog({
        level: 'info',
        format: 'json',
        secrets: [],
        destination: {
          write: (line: string) => {
            logged += line;
          },
        },
      });
      workers = workersOn(backend, handlers, { buy: 20 }, { lockMs: LOCK_MS, stalledMs: STALLED_MS, log });
    };
    const allEnd = (ids: string[]) =>
      until('all jobs have ended', async () =>
        (await Promise.all(ids.map((id) => queues.presence('order.run', id)))).every((p) => p === 'finished'),
      );

    beforeEach(async () => {
      logged = '';
      ({ backend, dispose } = await store.open());
      queues = queuesOn(backend);
    });

    afterEach(async () => {
      await workers?.close({ deadlineMs: 5_000 });
      workers = null;
      await queues.close();
      await dispose();
    });

    it('a job that comes back at once and is then worked on for longer than its lock is run by nobody else', async () => {
      const runs = new Map<string, number>();
      let toldToStop = 0;
      work({
        'order.run': async ({ chunkId }, ctx) => {
          const run = (runs.get(chunkId) ?? 0) + 1;
          runs.set(chunkId, run);
          // Each time another slot of this worker may take it up before the one that gave it back has let go.
          if (run <= 3) return snooze(0, 'sent again at once');
          await sleep(CALL_MS);
          if (ctx.signal.aborted) toldToStop += 1;
          return done();
        },
      });
      const ids = Array.from({ length: 10 }, (_, i) => `back-${i}`);
      await queues.add(ids.map(order));
      await allEnd(ids);
      expect(ids.map((id) => runs.get(id))).toEqual(ids.map(() => 4));
      expect(toldToStop).toBe(0);
      expect(logged).toBe('');
    });

    it('a job that is woken in the moment in which it is put off is run by nobody else', async () => {
      const runs = new Map<string, number>();
      work({
        'order.run': async ({ chunkId }) => {
          const run = (runs.get(chunkId) ?? 0) + 1;
          runs.set(chunkId, run);
          if (run === 1) {
            // A webhook comes at the same time: it wakes the job as soon as it sleeps.
            void until('it sleeps and is woken', async () => {
              await queues.wake('order.run', chunkId);
              return (runs.get(chunkId) ?? 0) > 1;
            });
            return snooze(60_000, 'ordered');
          }
          await sleep(CALL_MS);
          return done();
        },
      });
      const ids = Array.from({ length: 10 }, (_, i) => `woken-${i}`);
      await queues.add(ids.map(order));
      await allEnd(ids);
      expect(ids.map((id) => runs.get(id))).toEqual(ids.map(() => 2));
      expect(logged).toBe('');
    });
  });
}
