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

/** Everything that the HTTP layer needs; made in `app/compose.ts`. */
export interface HttpDeps {
  producer: ProducerDeps;
  apiKeys: readonly ApiKey[];
  /** The address that will be listened on: without keys it must be loopback. */
  host: string;
  /** Base64 Ed25519 keys that Telnyx may sign webhooks with; empty turns the webhook endpoint off. */
  webhookKeys: readonly string[];
  /** Batch jobs that may be open at Telnyx at once. */
  jobSlots: number;
  /** What the dashboard shows. */
  boardQueues: () => Queue[];
  metrics: () => Promise<{ contentType: string; text: string }>;
  /** `problems` make the process not ready; `notices` are for people. */
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
  /** How often a watched request is looked at. */
  watchMs: number;
  /** A stream of events ends after this long; a client reconnects. */
  longestWatchMs: number;
  /** A reader that takes nothing of an answer for this long is cut. */
  idleReaderMs: number;
  /** A download is cut after this long, however it goes on. */
  longestDownloadMs: number;
  /** Telnyx wants its answer within two seconds: what cannot be stored by then is refused, and delivered again. */
  webhookMs: number;
}

export const HTTP_TIMINGS: HttpTimings = {
  watchMs: 1_000,
  longestWatchMs: 3_600_000,
  idleReaderMs: 60_000,
  longestDownloadMs: 3_600_000,
  webhookMs: 1_500,
};

/** The server with schemas in zod. */
export type App = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression<RawServerDefault>,
  RawReplyDefaultExpression<RawServerDefault>,
  FastifyBaseLogger,
  ZodTypeProvider
>;
