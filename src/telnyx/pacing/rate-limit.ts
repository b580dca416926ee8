import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { ProvisioningError } from '../../domain/errors.ts';
import { DEFAULT_RATES, RATE_FAMILIES, type RateFamily } from '../../domain/rate-families.ts';
import { limiterUnavailable } from '../failures/failures.ts';
import type { FamilyLimit } from '../gateway.ts';
import { createLane, type Lane } from './lane.ts';
import { type PaceRange, raised, recovered, slowed } from './pace.ts';
import { localPaceStore, type PaceStore, type SharedPace } from './pace-store.ts';
import { answerOfLimiter, createPacer, type Pacer, pacerConnection } from './pacer.ts';
import { type HeaderSource, type RateHeaders, readRateHeaders, retryAfterMs } from './rate-headers.ts';
import { redisPaceStore } from './redis-pace-store.ts';
import { isTighter, paceOf, type Window, windowOf } from './window.ts';

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

/** The right to make one call. */
export interface Turn {
  /** Told right before the call leaves, which may be a while after its turn came. */
  leaves(): void;
}

export interface RateLimiter {
  /**
   * Runs `call` when its family may send. Rejects, before anything is sent, with `limiter_unavailable` when Redis is away and
   * with `rate_limited` when the family is paused or its queue is longer than a caller should wait; both are `retry`.
   */
  run<T>(family: RateFamily, call: (turn: Turn) => Promise<T>): Promise<T>;
  /**
   * Tells the limiter the answer of Telnyx. A 429 pauses and slows the family for every process. Headers that announce a limit
   * set the rate; headers that only show room raise it.
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
/** A call that leaves this much later than its turn came counts from when it leaves. */
const LATE_MS = 10;
/** What all processes know is read again before a slot is taken when this process read it longer ago than this. */
const FRESH_MS = 250;
/** From this share of the limit on, calls that others made are counted like ours. */
const NEARLY_USED = 0.25;

interface FamilyState {
  readonly family: RateFamily;
  readonly start: number;
  readonly pacer: Pacer;
  announced: string | null;
  window: Window | null;
  rate: number;
  /** How long the rate that a 429 or a raise set has been in force; `null` when none has. */
  ageMs: number | null;
  pausedUntil: number;
  brokenUntil: number;
  raisedAt: number;
  readAt: number;
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
      window: null,
      rate: start,
      ageMs: null,
      pausedUntil: 0,
      brokenUntil: 0,
      raisedAt: 0,
      readAt: 0,
    };
  };
  const lanes = new Map<RateFamily, { state: FamilyState; lane: Lane<Turn> }>();
  for (const family of RATE_FAMILIES) {
    const state = newState(family);
    const nextSlot = (): Promise<Turn> => waitForTurn(state, store, maxWaitMs, closing.signal);
    const tooLong = (): Error => paused(family, Math.max(1_000, state.pausedUntil - Date.now()), 'the queue for it is too long');
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
    run: (family, call) => {
      const { state, lane } = of(family);
      return lane.run((turn) => call(turn).finally(() => noteAnswered(state, store)));
    },
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

/**
 * Takes a slot of the pacer, which spreads the calls evenly over all processes, and then a place in the window, which holds
 * whatever the delays are. A call that finds no place waits for one and books no second slot.
 */
async function waitForTurn(state: FamilyState, store: PaceStore, maxWaitMs: number, closing: AbortSignal): Promise<Turn> {
  const waitOut = async (ms: number): Promise<void> => {
    if (ms > maxWaitMs) throw paused(state.family, ms, 'Telnyx asked for a pause');
    if (ms > 0) await sleep(ms, undefined, { signal: closing });
  };
  if (Date.now() - state.readAt > FRESH_MS) await waitOut(await syncShared(state, () => store.read(state.family)));
  await guarded(state, () => state.pacer.slot(state.rate));
  for (;;) {
    const call = randomUUID();
    const askedAt = performance.now();
    const left = await syncShared(state, () => store.enter(state.family, call));
    if (left === 0) return { leaves: () => noteLate(state, store, call, askedAt) };
    await waitOut(left);
  }
}

function noteLate(state: FamilyState, store: PaceStore, call: string, askedAt: number): void {
  if (performance.now() - askedAt < LATE_MS) return;
  store.late(state.family, call).catch(() => {
    state.brokenUntil = Date.now() + BROKEN_MS;
  });
}

/** The first call of a family goes alone, so that its answer tells the limit. This one tells nothing, and the others may go. */
function noteAnswered(state: FamilyState, store: PaceStore): void {
  if (state.window !== null) return;
  store.answered(state.family).catch(() => {
    state.brokenUntil = Date.now() + BROKEN_MS;
  });
}

/** Takes over what all processes know. Returns for how many milliseconds no call of the family may leave. */
async function syncShared(state: FamilyState, ask: () => Promise<SharedPace>): Promise<number> {
  const shared = await guarded(state, () => answerOfLimiter(ask(), REDIS_PATIENCE_MS));
  const now = Date.now();
  state.readAt = now;
  state.pausedUntil = Math.max(state.pausedUntil, now + shared.pausedMs);
  state.window = shared.window;
  state.ageMs = shared.rate === null ? null : shared.ageMs;
  const { announced, start } = range(state);
  state.rate = recovered(shared.rate ?? announced ?? start, shared.ageMs, range(state));
  return Math.max(0, state.pausedUntil - now, Math.ceil(shared.fullMs));
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
  if (status === 429) {
    const ms = Math.max(SHORTEST_PAUSE_MS, retryAfterMs(headers, now) ?? DEFAULT_PAUSE_MS);
    state.pausedUntil = Math.max(state.pausedUntil, now.getTime() + ms);
    const lower = slowed(state.rate, state.ageMs, range(state));
    // Telnyx refuses many calls of one burst together. Only the first refusal slows the rate.
    if (await store.pause(state.family, ms)) await changeRate(state, store, lower, ms);
    return;
  }
  const window = windowOf(seen);
  if (window !== null) await learnWindow(state, store, seen, window);
  else if (seen.remaining === 0 && seen.resetMs !== null && seen.resetMs > 0) {
    state.pausedUntil = Math.max(state.pausedUntil, now.getTime() + seen.resetMs);
    await store.pause(state.family, seen.resetMs);
  } else if (status < 400 && now.getTime() - state.raisedAt >= RAISE_EVERY_MS) {
    state.raisedAt = now.getTime();
    // The shared state is read first, because this call may have left before another process got a 429.
    await syncShared(state, () => store.read(state.family));
    if (state.pausedUntil <= Date.now()) await changeRate(state, store, raised(state.rate, seen, range(state)));
  }
}

/** Shares the window that Telnyx announced, and counts the calls in it that others made. */
async function learnWindow(state: FamilyState, store: PaceStore, seen: RateHeaders, window: Window): Promise<void> {
  const known = state.window;
  const current = known !== null && !isTighter(window, known) ? known : window;
  if (current !== known) {
    state.window = current;
    await store.setWindow(state.family, current);
  }
  const { limit, remaining, resetMs } = seen;
  if (limit === null || remaining === null || remaining > limit * NEARLY_USED) return;
  await store.used(state.family, limit - remaining, Math.max(0, current.ms - (resetMs ?? 0)));
}

async function changeRate(state: FamilyState, store: PaceStore, rate: number, delayMs = 0): Promise<void> {
  // A 429 at the lowest rate sets that rate again, so that its recovery starts again.
  if (rate === state.rate && delayMs === 0) return;
  state.rate = rate;
  await store.setRate(state.family, rate, delayMs);
}

function range(state: FamilyState): PaceRange {
  return { start: state.start, announced: state.window === null ? null : paceOf(state.window) };
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
