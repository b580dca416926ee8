import type { Processor, Queue, QueueOptions, Worker, WorkerOptions } from 'bullmq';
import type { Redis } from 'ioredis';

/** The differences between the two stores, for the few callers that must know them. */
export interface BackendProfile {
  name: 'redis' | 'postgres';
  /** Worker processes that may share the queue. On Postgres nothing coordinates the request rate between them. */
  manyProcesses: boolean;
}

/** BullMQ's options without those that belong to the store. */
export type QueueSettings = Omit<QueueOptions, 'connection' | 'prefix'>;
export type WorkerSettings = Omit<WorkerOptions, 'connection' | 'prefix'>;

/**
 * A store for the queue as a value: Redis or Postgres. It is opened once and passed to `openQueues` and `startWorkers`. No other
 * code knows which store it is.
 */
export interface QueueBackend {
  readonly profile: BackendProfile;
  /** The client for the rate limiter, which makes its own copy; `null` where there is no Redis. */
  readonly redis: Redis | null;
  /** Creates what the store needs (tables on Postgres). Safe to run twice and from several processes at once. */
  prepare(): Promise<void>;
  openQueue(name: string, settings: QueueSettings): Queue;
  openWorker(name: string, processor: Processor, settings: WorkerSettings): Worker;
  /** Ends every connection, also one that is reconnecting. Call it last. It never hangs. */
  close(): Promise<void>;
}

/** Called with every error of a connection; BullMQ and ioredis repeat theirs while they reconnect. */
export type OnBackendError = (error: Error, source: string) => void;

export interface BackendOptions {
  onError: OnBackendError;
  /** Keys (Redis) or schema (Postgres) of this installation; tests use their own. */
  namespace?: string;
}
