import type { Queue } from 'bullmq';
import type {
  FastifyBaseLogger,
  FastifyInstance,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { ApiKey } from '../config/config.ts';
import type { Clock } from '../domain/clock.ts';
import type { ProducerDeps } from '../producers/deps.ts';

/** What the HTTP layer needs. `app/compose.ts` makes it. */
export interface HttpDeps {
  producer: ProducerDeps;
  apiKeys: readonly ApiKey[];
  /** The address that the server will listen on. Without keys it must be loopback. */
  host: string;
  /** Ed25519 keys of Telnyx in base64 that may sign webhooks. Without any, the webhook endpoint is off. */
  webhookKeys: readonly string[];
  /** Batch jobs that may be open at Telnyx at once. */
  jobSlots: number;
  /** The queues that the dashboard shows. */
  boardQueues: () => Queue[];
  metrics: () => Promise<{ contentType: string; text: string }>;
  /** A process with `problems` is not ready. `notices` are for people. */
  ready: () => { ok: boolean; problems: string[]; notices?: string[] };
  clock: Clock;
  /** Where Fastify and the routes log; a pino logger. */
  log: FastifyBaseLogger;
  /** Waits that a test shortens. */
  timings?: Partial<HttpTimings>;
  /** Shown in the API's description. */
  version?: string;
}

export interface HttpTimings {
  /** How often a watched request is read, in milliseconds. */
  watchMs: number;
  /** A stream of events ends after this long, in milliseconds. The client then reconnects. */
  longestWatchMs: number;
  /** The connection of a reader that takes no bytes for this long is closed, in milliseconds. */
  idleReaderMs: number;
  /** A download is closed after this long, in milliseconds, even when it still makes progress. */
  longestDownloadMs: number;
  /**
   * Telnyx wants an answer within two seconds. An event that is not stored by then is refused, and Telnyx delivers it again.
   * Milliseconds.
   */
  webhookMs: number;
  /** How long an answer waits for a worker that computes or applies a plan, in milliseconds. */
  planMs: number;
}

export const HTTP_TIMINGS: HttpTimings = {
  watchMs: 1_000,
  longestWatchMs: 3_600_000,
  idleReaderMs: 60_000,
  longestDownloadMs: 3_600_000,
  webhookMs: 1_500,
  planMs: 25_000,
};

/** The server, with its schemas in zod. */
export type App = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression<RawServerDefault>,
  RawReplyDefaultExpression<RawServerDefault>,
  FastifyBaseLogger,
  ZodTypeProvider
>;
