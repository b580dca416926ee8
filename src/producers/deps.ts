import type { Db } from '../db/client.ts';
import type { Clock } from '../domain/clock.ts';
import type { Log } from '../observability/log.ts';
import type { JobQueue } from '../queues/port.ts';

export interface Limits {
  /** Numbers per order and per batch job. */
  orderSize: number;
  batchSize: number;
  /** No single number dearer than this, upfront or monthly, unless its line says so. */
  maxNumberCost: string;
  /** Upfront plus first month above which a buy waits for approval; null for never. */
  approvalAbove: string | null;
}

export interface ProducerDeps {
  db: Db;
  queue: JobQueue;
  clock: Clock;
  log: Log;
  limits: Limits;
}
