import { EventEmitter } from 'node:events';
import type { IQueueBackend } from 'bullmq';
import { expect, it } from 'vitest';
import { backingOff } from '../../../src/queues/fetch-backoff.ts';

/** Guarantee: only what a worker fetches with is ever called here. */
function backendThat(fetch: () => Promise<never[]>): IQueueBackend {
  const none = async (): Promise<null> => null;
  return Object.assign(new EventEmitter(), {
    moveToActive: fetch,
    waitForJob: none,
    disconnectBlocking: none,
  }) as unknown as IQueueBackend;
}

it('a worker whose fetches fail at once asks less and less often, and is let go at once when it closes', async () => {
  let asked = 0;
  let broken = true;
  const backend = backingOff(
    backendThat(async () => {
      asked += 1;
      if (broken) throw new Error('READONLY');
      return [];
    }),
  );
  const fetch = () => backend.moveToActive('t').catch((error: Error) => error.message);
  const begun = Date.now();
  const loop = (async () => {
    while (broken) await fetch();
  })();
  while (asked < 4) await new Promise((resolve) => setImmediate(resolve));
  // 100, 200 and 400 ms.
  expect(Date.now() - begun).toBeGreaterThanOrEqual(690);
  const closing = Date.now();
  broken = false;
  await backend.disconnectBlocking(true);
  await loop;
  expect(Date.now() - closing).toBeLessThan(500);
  expect(await fetch()).toEqual([]);
});
