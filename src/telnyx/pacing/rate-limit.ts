import type { Redis } from 'ioredis';
import { ProvisioningError } from '../../domain/errors.ts';
import { RATE_FAMILIES, type RateFamily } from '../../domain/rate-families.ts';
import type { FamilyLimit } from '../gateway.ts';
import { type FamilyState, newFamily, paused, shown, type Turn, waitForTurn } from './family.ts';
import { createLane, type Lane } from './lane.ts';
import { learn } from './learn.ts';
import { localPaceStore } from './pace-store.ts';
import { createPacer, pacerConnection } from './pacer.ts';
import type { HeaderSource } from './rate-headers.ts';
import { redisPaceStore } from './redis-pace-store.ts';

/** Where the limiter logs its own problems. A pino logger fits. */
export interface LimiterLog {
  warn(fields: object, message: string): void;
  debug(fields: object, message: string): void;
}

export interface RateLimiterOptions {
  /** The rates that the operator set, in requests a second. They are caps; a family without one follows what Telnyx announces. */
  rates?: Readonly<Partial<Record<RateFamily, number>>>;
  /** `null` keeps the rate to this process. The limiter duplicates the client, and neither uses nor closes the original. */
  redis?: Redis | null;
  keyPrefix?: string;
  log?: LimiterLog;
  /** Longest wait for a turn. After it the caller gets an error with `retry`. It must fit into the lease of a chunk. */
  maxWaitMs?: number;
  /** Calls of one family under way at once in this process. */
  maxInFlight?: number;
  clientTimeoutMs?: number;
}

export interface RateLimiter {
  /**
   * Runs `call` when its family may send. Rejects, before anything is sent, with `limiter_unavailable` when Redis is away and
   * with `rate_limited` when the family is paused or its queue is longer than a caller should wait; both are `retry`.
   */
  run<T>(family: RateFamily, call: (turn: Turn) => Promise<T>): Promise<T>;
  /**
   * Tells the limiter the answer of Telnyx. A 429 pauses and slows the family for every process. Headers that announce a limit
   * set the rate, within its cap; headers that only show room raise it.
   */
  observe(family: RateFamily, status: number, headers: HeaderSource): void;
  limits(): FamilyLimit[];
  /** From now on every call is refused with `stopping` (`retry`); resolves when those under way have ended. */
  close(): Promise<void>;
}

const DEFAULT_MAX_WAIT_MS = 10_000;
const DEFAULT_IN_FLIGHT = 16;
/** The default of Bottleneck. A process that was stopped for longer registers again. */
const DEFAULT_CLIENT_TIMEOUT_MS = 10_000;
/** A command of the limiter that Redis does not answer within this time has failed, in milliseconds. */
const COMMAND_TIMEOUT_MS = 2_000;

/** Keys of one product must land on one slot of a Redis cluster, so the prefix carries a hash tag. */
function hashTagged(prefix: string): string {
  return /\{[^}]+\}/.test(prefix) ? prefix : `{${prefix}}`;
}

/** One queue and one pace per endpoint family, shared with all processes on the same Redis. */
export function createRateLimiter(options: RateLimiterOptions = {}): RateLimiter {
  const { log, maxWaitMs = DEFAULT_MAX_WAIT_MS } = options;
  const prefix = `${hashTagged(options.keyPrefix ?? 'provisioner')}-telnyx`;
  const onError = (error: unknown): void => log?.debug({ err: error }, 'rate limiter: redis reported an error');
  // The limiter has its own connection. Callers often share one that waits for Redis without end, and a call must not wait like
  // that.
  const redis = options.redis?.duplicate({ maxRetriesPerRequest: 1, commandTimeout: COMMAND_TIMEOUT_MS }) ?? null;
  redis?.on('error', onError);
  const connection = redis === null ? null : pacerConnection(redis, onError);
  const store = redis === null ? localPaceStore() : redisPaceStore(redis, prefix);
  const closing = new AbortController();
  let closed: Promise<void> | undefined;

  const newState = (family: RateFamily): FamilyState => {
    const clientTimeoutMs = options.clientTimeoutMs ?? DEFAULT_CLIENT_TIMEOUT_MS;
    const pacer = createPacer({ id: `${prefix}-${family}`, connection, patienceMs: maxWaitMs * 2, clientTimeoutMs, onError });
    return newFamily(family, store, pacer, options.rates?.[family] ?? null);
  };
  const lanes = new Map<RateFamily, { state: FamilyState; lane: Lane<Turn> }>();
  for (const family of RATE_FAMILIES) {
    const state = newState(family);
    const nextSlot = (): Promise<Turn> => waitForTurn(state, maxWaitMs, closing.signal);
    const tooLong = (): Error =>
      paused(family, Math.max(1_000, state.pausedUntil - performance.now()), 'the queue for it is too long');
    lanes.set(family, {
      state,
      lane: createLane({ maxInFlight: options.maxInFlight ?? DEFAULT_IN_FLIGHT, maxWaitMs, nextSlot, tooLong }),
    });
  }

  const of = (family: RateFamily): { state: FamilyState; lane: Lane<Turn> } => {
    const found = lanes.get(family);
    if (found === undefined) throw new Error(`no lane for ${family}`);
    return found;
  };

  return {
    run: (family, call) => of(family).lane.run((turn) => call(turn).finally(() => turn.ended())),
    observe: (family, status, headers) => {
      const { state } = of(family);
      learn(state, status, headers).catch((error: unknown) => {
        log?.warn({ err: error, family }, 'rate limiter: could not share what Telnyx said; this process keeps to it alone');
      });
    },
    limits: () => [...lanes.values()].map(({ state }) => shown(state)),
    close: async () => {
      closing.abort();
      const reason = new ProvisioningError('stopping', 'retry', 'no call was made: the process is stopping');
      closed ??= Promise.all([...lanes.values()].map(({ lane }) => lane.close(reason))).then(() => connection?.close());
      await closed;
    },
  };
}
