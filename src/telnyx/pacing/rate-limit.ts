import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { ProvisioningError } from '../../domain/errors.ts';
import { DEFAULT_RATES, RATE_FAMILIES, type RateFamily } from '../../domain/rate-families.ts';
import { limiterUnavailable } from '../failures/failures.ts';
import type { FamilyLimit } from '../gateway.ts';
import { createLane, type Lane } from './lane.ts';
import { halved, type PaceRange, raised, recovered } from './pace.ts';
import { localPaceStore, type PaceStore, redisPaceStore } from './pace-store.ts';
import { answerOfLimiter, createPacer, type Pacer, pacerConnection } from './pacer.ts';
import { type HeaderSource, readRateHeaders, retryAfterMs } from './rate-headers.ts';

/** Where the limiter logs its own problems. A pino logger fits. */
export interface LimiterLog {
  warn(fields: object, message: string): void;
  debug(fields: object, message: string): void;
}

export interface RateLimiterOptions {
  rates?: Readonly<Record<string, number>>;
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
  run<T>(family: RateFamily, call: () => Promise<T>): Promise<T>;
  /**
   * Tells the limiter the answer of Telnyx. A 429 pauses and slows the family for every process; headers that show room raise its
   * rate.
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
const REDIS_PATIENCE_MS = 2_000;
/** After Redis failed, callers are refused for this long without asking it again. */
const BROKEN_MS = 1_000;
/** The pause after a 429 that names no time. */
const DEFAULT_PAUSE_MS = 2_000;
const SHORTEST_PAUSE_MS = 250;
const RAISE_EVERY_MS = 1_000;
/** When a slot took longer than this, the pause is read again. */
const STALE_MS = 20;

interface FamilyState {
  readonly family: RateFamily;
  readonly start: number;
  readonly pacer: Pacer;
  announced: string | null;
  announcedPerSecond: number | null;
  rate: number;
  pausedUntil: number;
  brokenUntil: number;
  raisedAt: number;
}

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
  const redis = options.redis?.duplicate({ maxRetriesPerRequest: 1, commandTimeout: REDIS_PATIENCE_MS }) ?? null;
  redis?.on('error', onError);
  const connection = redis === null ? null : pacerConnection(redis, onError);
  const store = redis === null ? localPaceStore() : redisPaceStore(redis, prefix);
  const closing = new AbortController();
  let closed: Promise<void> | undefined;

  const newState = (family: RateFamily): FamilyState => {
    const start = options.rates?.[family] ?? DEFAULT_RATES[family];
    const clientTimeoutMs = options.clientTimeoutMs ?? DEFAULT_CLIENT_TIMEOUT_MS;
    const pacer = createPacer({ id: `${prefix}-${family}`, connection, patienceMs: maxWaitMs * 2, clientTimeoutMs, onError });
    return {
      family,
      start,
      pacer,
      announced: null,
      announcedPerSecond: null,
      rate: start,
      pausedUntil: 0,
      brokenUntil: 0,
      raisedAt: 0,
    };
  };
  const lanes = new Map<RateFamily, { state: FamilyState; lane: Lane }>();
  for (const family of RATE_FAMILIES) {
    const state = newState(family);
    const nextSlot = (): Promise<void> => waitForSlot(state, store, maxWaitMs, closing.signal);
    const tooLong = (): Error => paused(family, Math.max(1_000, state.pausedUntil - Date.now()), 'the queue for it is too long');
    lanes.set(family, {
      state,
      lane: createLane({ maxInFlight: options.maxInFlight ?? DEFAULT_IN_FLIGHT, maxWaitMs, nextSlot, tooLong }),
    });
  }

  const of = (family: RateFamily): { state: FamilyState; lane: Lane } => {
    const found = lanes.get(family);
    if (found === undefined) throw new Error(`no lane for ${family}`);
    return found;
  };

  return {
    run: (family, call) => of(family).lane.run(call),
    observe: (family, status, headers) => {
      const { state } = of(family);
      learn(state, store, status, headers).catch((error: unknown) => {
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

async function waitForSlot(state: FamilyState, store: PaceStore, maxWaitMs: number, closing: AbortSignal): Promise<void> {
  for (;;) {
    const left = await syncShared(state, store);
    if (left > maxWaitMs) throw paused(state.family, left, 'Telnyx asked for a pause');
    if (left > 0) {
      await sleep(left, undefined, { signal: closing });
      continue;
    }
    const askedAt = Date.now();
    await guarded(state, () => state.pacer.slot(state.rate));
    if (state.pausedUntil <= Date.now() && Date.now() - askedAt < STALE_MS) return;
    // A pause may have begun while this call waited for its slot.
    if ((await syncShared(state, store)) === 0) return;
  }
}

/** Takes over the shared rate and pause. Returns for how many milliseconds the family is still paused. */
async function syncShared(state: FamilyState, store: PaceStore): Promise<number> {
  const shared = await guarded(state, () => answerOfLimiter(store.read(state.family), REDIS_PATIENCE_MS));
  const now = Date.now();
  state.pausedUntil = Math.max(state.pausedUntil, now + shared.pausedMs);
  state.rate = recovered(shared.rate ?? state.start, shared.ageMs, range(state));
  return Math.max(0, state.pausedUntil - now);
}

async function guarded<T>(state: FamilyState, ask: () => Promise<T>): Promise<T> {
  if (state.brokenUntil > Date.now()) throw limiterUnavailable('it failed a moment ago');
  try {
    return await ask();
  } catch (error) {
    state.brokenUntil = Date.now() + BROKEN_MS;
    throw limiterUnavailable(error instanceof Error ? error.message : String(error));
  }
}

async function learn(state: FamilyState, store: PaceStore, status: number, headers: HeaderSource): Promise<void> {
  const now = new Date(Date.now());
  const seen = readRateHeaders(headers, now);
  state.announced = seen.announced ?? state.announced;
  state.announcedPerSecond = seen.announcedPerSecond ?? state.announcedPerSecond;
  if (status === 429) {
    const ms = Math.max(SHORTEST_PAUSE_MS, retryAfterMs(headers, now) ?? DEFAULT_PAUSE_MS);
    state.pausedUntil = Math.max(state.pausedUntil, now.getTime() + ms);
    // Telnyx refuses many calls of one burst together. Only the first refusal halves the rate.
    if (await store.pause(state.family, ms)) await changeRate(state, store, halved(state.rate, range(state)), ms);
  } else if (seen.remaining === 0 && seen.resetMs !== null && seen.resetMs > 0) {
    state.pausedUntil = Math.max(state.pausedUntil, now.getTime() + seen.resetMs);
    await store.pause(state.family, seen.resetMs);
  } else if (status < 400 && now.getTime() - state.raisedAt >= RAISE_EVERY_MS) {
    state.raisedAt = now.getTime();
    // The shared state is read first, because this call may have left before another process got a 429.
    if ((await syncShared(state, store)) === 0) await changeRate(state, store, raised(state.rate, seen, range(state)));
  }
}

async function changeRate(state: FamilyState, store: PaceStore, rate: number, delayMs = 0): Promise<void> {
  // A 429 at the lowest rate sets that rate again, so that its recovery starts again.
  if (rate === state.rate && delayMs === 0) return;
  state.rate = rate;
  await store.setRate(state.family, rate, delayMs);
}

function range(state: FamilyState): PaceRange {
  return { start: state.start, announced: state.announcedPerSecond };
}

function paused(family: RateFamily, ms: number, why: string): ProvisioningError {
  const retryIn = Math.ceil(ms);
  return new ProvisioningError('rate_limited', 'retry', `no call was made to ${family}: ${why}`, { retryAfterMs: retryIn });
}

function shown(state: FamilyState): FamilyLimit {
  const { family, rate, announced, pausedUntil } = state;
  return {
    family,
    perSecond: rate,
    announced,
    pausedUntil: pausedUntil > Date.now() ? new Date(pausedUntil).toISOString() : null,
  };
}
