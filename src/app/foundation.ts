import type { Config } from '../config/config.ts';
import type { Db } from '../db/client.ts';
import type { Log } from '../observability/log.ts';
import { createMetrics, type Metrics } from '../observability/metrics.ts';
import type { ProducerDeps } from '../producers/deps.ts';
import type { QueueBackend } from '../queues/backend.ts';
import type { Queues } from '../queues/queues.ts';
import { type Closers, closeAll, type DatabaseOptions, limitsOf, openDatabase } from './database.ts';
import { openQueue, type QueueStoreOptions } from './queue-store.ts';

/** What every role has: database, queue, and the producers on them. Needs no Telnyx key. */
export interface Foundation {
  config: Config;
  /** What the keys in Redis start with. */
  namespace: string;
  log: Log;
  db: Db;
  backend: QueueBackend;
  queues: Queues;
  metrics: Metrics;
  deps: ProducerDeps;
  /** What people should know about the clock of this machine; empty when it is right. */
  clockNotice(): string[];
  clockAheadMs(): number;
  close(): Promise<void>;
}

export interface FoundationOptions extends DatabaseOptions, QueueStoreOptions {}

/** Opens database and queue. Errors name the setting to change; whatever was opened before one is closed again. */
export async function openFoundation(config: Config, log: Log, options: FoundationOptions = {}): Promise<Foundation> {
  const closers: Closers = [];
  const close = () => closeAll(closers);
  try {
    const { url, db, clock: kept } = await openDatabase(config, log, closers, options);
    const { backend, queues } = await openQueue(config, url, log, closers, options);
    const { clock, notice, aheadMs } = kept;
    return {
      config,
      namespace: options.namespace ?? 'provisioner',
      log,
      db,
      backend,
      queues,
      metrics: createMetrics({ processMetrics: true }),
      deps: { db, queue: queues, clock, log, limits: limitsOf(config) },
      clockNotice: () => [notice()].filter((text) => text !== null),
      clockAheadMs: aheadMs,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
