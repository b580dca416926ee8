import { setTimeout as sleep } from 'node:timers/promises';
import type { IQueueBackend } from 'bullmq';

const FIRST_MS = 100;
const MOST_MS = 5_000;

/**
 * Makes a worker wait between two failing fetches: a tenth of a second at first, five seconds at most. BullMQ waits only when the
 * connection is refused. After any other error (a read-only server, full memory, a Postgres that is starting) it fetches again at
 * once, thousands of times a second. Changes the backend of one worker and returns it.
 */
export function backingOff<B extends IQueueBackend>(backend: B): B {
  const closing = new AbortController();
  const interrupt = backend.disconnectBlocking.bind(backend);
  return Object.assign(backend, {
    moveToActive: patiently(backend.moveToActive.bind(backend), closing.signal),
    waitForJob: patiently(backend.waitForJob.bind(backend), closing.signal),
    // The first thing that `worker.close()` does.
    disconnectBlocking: (wait?: boolean): Promise<void> => {
      closing.abort();
      return interrupt(wait);
    },
  });
}

function patiently<A extends unknown[], R>(fetch: (...args: A) => Promise<R>, closing: AbortSignal): (...args: A) => Promise<R> {
  let failures = 0;
  return async (...args) => {
    try {
      const fetched = await fetch(...args);
      failures = 0;
      return fetched;
    } catch (error) {
      const ms = Math.min(FIRST_MS * 2 ** failures, MOST_MS);
      failures += 1;
      await sleep(ms, undefined, { signal: closing }).catch(() => undefined);
      throw error;
    }
  };
}
