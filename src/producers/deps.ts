import type { Db } from '../db/client.ts';
import type { Budgets, Prices } from '../domain/budget.ts';
import type { Clock } from '../domain/clock.ts';
import type { Log } from '../observability/log.ts';
import type { JobQueue } from '../queues/port.ts';

/** Limits of size and price, from the configuration. */
export interface Limits {
  /** Most numbers of one order and of one batch job. */
  orderSize: number;
  batchSize: number;
  /** Highest price of a single number, upfront or monthly, when neither buy line nor request says otherwise. */
  maxNumberCost: string;
  /** A buy that may cost more than this (upfront plus first month) waits for approval; `null` for never. */
  approvalAbove: string | null;
  /** True when the asker of a request may approve it. */
  selfApproval: boolean;
  /** The budget of each asker for one UTC month. */
  budgets: Budgets;
  /** Prices that no API tells. */
  prices: Prices;
}

/** What code needs that writes rows and enqueues their work. */
export interface ProducerDeps {
  db: Db;
  queue: JobQueue;
  clock: Clock;
  log: Log;
  limits: Limits;
}
