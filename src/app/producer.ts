import type { Config } from '../config/config.ts';
import type { Log } from '../observability/log.ts';
import type { ProducerDeps } from '../producers/deps.ts';
import type { JobQueue } from '../queues/port.ts';
import { type Closers, closeAll, limitsOf, openDatabase } from './database.ts';

/**
 * Opens the database for a command that only reads or submits. The queue is opened when it is first used, because most commands
 * never use it and it loads slowly. Errors of the database name the setting to change. A queue that cannot be opened fails the
 * call, and whoever enqueues leaves that work to the sweep.
 */
export async function openProducer(
  config: Config,
  log: Log,
  options: { brief?: boolean } = {},
): Promise<{ deps: ProducerDeps; close(): Promise<void> }> {
  const closers: Closers = [];
  try {
    const { url, db, clock } = await openDatabase(config, log, closers, options);
    const queue = queueOnDemand(async () => {
      const { openQueue } = await import('./queue-store.ts');
      return (await openQueue(config, url, log, closers)).queues;
    });
    return { deps: { db, queue, clock: clock.clock, log, limits: limitsOf(config) }, close: () => closeAll(closers) };
  } catch (error) {
    await closeAll(closers);
    throw error;
  }
}

/** A queue that is opened by its first use. A failed opening is tried again by the next use. */
function queueOnDemand(open: () => Promise<JobQueue>): JobQueue {
  let opening: Promise<JobQueue> | undefined;
  const queue = () => {
    opening ??= open().catch((error: unknown) => {
      opening = undefined;
      throw error;
    });
    return opening;
  };
  return {
    add: async (jobs) => (await queue()).add(jobs),
    presence: async (name, id) => (await queue()).presence(name, id),
    wake: async (name, id) => (await queue()).wake(name, id),
    counts: async () => (await queue()).counts(),
  };
}
