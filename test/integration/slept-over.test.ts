import type { Job } from 'bullmq';
import { describe, expect, it } from 'vitest';
import type { Chunk } from '../../src/db/chunks.ts';
import { chunkJob } from '../../src/producers/enqueue.ts';
import { CATALOGUE } from '../../src/queues/catalogue.ts';
import { expectAgreement } from '../support/expect-agreement.ts';
import { type Harness, openHarness } from '../support/harness.ts';
import { hasRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';

const HOUR_MS = 3_600_000;

async function jobOf(h: Harness, chunk: Chunk): Promise<Job | undefined> {
  const { name, id } = chunkJob(chunk);
  return h.queues
    .all()
    .find((queue) => queue.name === CATALOGUE[name].queue)
    ?.getJob(id);
}

describe.each(['postgres', 'redis'] as const)('on %s', (backend) => {
  it.skipIf(backend === 'redis' && !hasRedis())(
    'a job that somebody has put off by an hour is woken when its work is overdue, and the buy ends right',
    async () => {
      const h = await openHarness({ backend, asleepMs: 1_000, simulator: { orderMs: 1_500 } });
      try {
        await h.start();
        const id = await h.submit({ kind: 'buy', lines: [{ national_destination_code: '312', quantity: 20 }] });
        await until('the job of the order is put off while it sleeps', async () => {
          const chunk = (await h.chunks(id)).find(({ state }) => state === 'submitted');
          const job = chunk === undefined ? undefined : await jobOf(h, chunk);
          // As the button of the dashboard does; it fails when the job runs just now.
          const putOff = await job?.changeDelay(HOUR_MS).then(
            () => true,
            () => false,
          );
          return putOff === true && (await job?.getState()) === 'delayed';
        });
        expect(await h.ended(id, { withinMs: 15_000 })).toMatchObject({ status: 'succeeded' });
        expect(h.logged()).toContain('queue jobs that slept longer than their rows say were woken');
        expect(h.sim.ledger().bought).toHaveLength(20);
        await expectAgreement(h, id);
      } finally {
        await h.close();
      }
    },
  );
});
