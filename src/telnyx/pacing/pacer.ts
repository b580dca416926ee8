import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import Bottleneck from 'bottleneck';
import type { Redis } from 'ioredis';
import { withinDeadline } from '../../domain/deadline.ts';
import { REDIS_NOW } from './redis-clock.ts';

/** Hands out time slots, one every `1 / rate` seconds over all processes that share the Redis. */
export interface Pacer {
  /** Resolves when one call may go out. Rejects when the limiter itself is broken; nothing has gone out then. */
  slot(perSecond: number): Promise<void>;
}

export interface PacerConnection {
  bottleneck: Bottleneck.IORedisConnection;
  close(): void;
}

export interface PacerOptions {
  id: string;
  /** `null`: this process only. */
  connection: PacerConnection | null;
  /** Longest wait for a slot, in milliseconds. After it the limiter counts as broken. */
  patienceMs: number;
  /** A process that was silent for this long is unknown to the others. It registers again when it comes back. */
  clientTimeoutMs: number;
  onError: (error: unknown) => void;
}

/**
 * This many processes may each have booked a slot before ours. At a slow rate their slots take longer than `patienceMs`. A caller
 * that gave up earlier would book another slot behind them each time, and starve.
 */
const SLOTS_AHEAD = 20;

/** The spacing is stored again this often, because a process that knew less may have stored another one since. */
const APPLY_EVERY_MS = 5_000;

/** Bottleneck's script runner, which its typings leave out. */
type ScriptCallback = (error: Error | null, replies?: unknown) => void;
type ScriptRunner = (...args: unknown[]) => unknown;
interface ScriptSource {
  __scriptFn__: (name: string) => ScriptRunner;
}

/** Guarantee: Bottleneck is pinned to 2.19.5, whose IORedisConnection has `__scriptFn__(name)` returning a bound function. */
function scriptSource(connection: Bottleneck.IORedisConnection): ScriptSource {
  return connection as unknown as ScriptSource;
}

/** Guarantee: the last argument of every script call of Bottleneck 2.19.5 is its callback. */
function asCallback(value: unknown): ScriptCallback {
  return value as ScriptCallback;
}

/**
 * Bottleneck's scripts answer with bare words (`SETTINGS_KEY_NOT_FOUND`), and Bottleneck repairs itself when it reads them. Redis
 * 7 puts `ERR ` before such a word, which Bottleneck does not understand. Without this repair, a flushed Redis or a paused
 * process blocks every later call for ever.
 */
function healOnRedis7(connection: Bottleneck.IORedisConnection): void {
  const source = scriptSource(connection);
  const original = source.__scriptFn__.bind(connection);
  source.__scriptFn__ = (name) => {
    const run = original(name);
    return (...args) => {
      const callback = asCallback(args.pop());
      return run(...args, (error: Error | null, replies?: unknown) => {
        if (error !== null) error.message = error.message.replace(/^ERR /, '');
        callback(error, replies);
      });
    };
  };
}

/** Bottleneck's store, which its typings leave out. */
interface SlotStore {
  __register__(index: string, weight: number, expirationMs: number): Promise<{ success: boolean; wait: number }>;
}

/** Guarantee: Bottleneck is pinned to 2.19.5, whose limiters have `_store`, and both of its stores have `__register__`. */
function slotStore(limiter: Bottleneck): SlotStore {
  return (limiter as unknown as { _store: SlotStore })._store;
}

/** Bottleneck forgets a slot this many milliseconds after it was booked. The time of the next slot stays. */
const FORGOTTEN_MS = 1;

/** The line with which every script of Bottleneck 2.19.5 takes the time from the process that calls it. */
const CALLER_NOW = 'local now = tonumber(ARGV[1])\n';

/**
 * Makes the scripts of Bottleneck use the clock of Redis. Otherwise a process whose clock is behind that of another one by some
 * seconds would wait that much longer for each slot.
 */
function useClockOfRedis(redis: Redis): void {
  const define = redis.defineCommand.bind(redis);
  redis.defineCommand = (name, { lua, ...rest }) => {
    if (!lua.includes(CALLER_NOW)) throw new Error(`the script ${name} of Bottleneck is not the one that is known`);
    define(name, { ...rest, lua: lua.replace(CALLER_NOW, REDIS_NOW) });
  };
}

/** Wraps an ioredis client that nobody else uses. `close` ends it and the subscriber that Bottleneck makes of it. */
export function pacerConnection(redis: Redis, onError: (error: unknown) => void): PacerConnection {
  useClockOfRedis(redis);
  const bottleneck = new Bottleneck.IORedisConnection({ client: redis });
  bottleneck.on('error', onError);
  healOnRedis7(bottleneck);
  return { bottleneck, close: () => void bottleneck.disconnect(false) };
}

/**
 * Bottleneck as a pacer and nothing else: `minTime` only. Its `maxConcurrent` loses the slots of dead processes and its
 * reservoirs refill in bursts. Its store is asked directly: `schedule` sends two more commands, which count what is queued and what
 * runs, and nobody needs these counts without `maxConcurrent`. `slot` rejects when the limiter is broken; the next call tries again.
 */
export function createPacer(options: PacerOptions): Pacer {
  let limiter: Bottleneck | null = null;
  let applied = { minTime: 0, at: 0 };

  const build = (minTime: number): Bottleneck => {
    const { connection, id, clientTimeoutMs } = options;
    const made =
      connection === null
        ? new Bottleneck({ id, minTime })
        : new Bottleneck({ id, minTime, connection: connection.bottleneck, clientTimeout: clientTimeoutMs });
    made.on('error', options.onError);
    // A limiter whose start failed, because Redis went away at that moment, rejects for ever. So the next call builds another.
    made.ready().catch(() => {
      if (limiter === made) limiter = null;
    });
    applied = { minTime: 0, at: 0 };
    return made;
  };

  const take = async (minTime: number): Promise<void> => {
    limiter ??= build(minTime);
    if (minTime !== applied.minTime || performance.now() - applied.at > APPLY_EVERY_MS) {
      // Set again after building, because settings that an earlier process left in Redis would win otherwise.
      await limiter.updateSettings({ minTime });
      applied = { minTime, at: performance.now() };
    }
    const { success, wait } = await slotStore(limiter).__register__(randomUUID(), 1, FORGOTTEN_MS);
    if (!success) throw new Error('Bottleneck gave no slot, although nothing but the time limits them');
    if (wait > 0) await sleep(wait);
  };

  return {
    slot: (perSecond) => {
      // Tenths of a millisecond, because at 60 a second a whole one is 6 % of the rate.
      const minTime = Math.ceil(10_000 / perSecond) / 10;
      return answerOfLimiter(take(minTime), Math.max(options.patienceMs, SLOTS_AHEAD * minTime));
    },
  };
}

/** The answer of Bottleneck or its Redis. Rejects after `ms` milliseconds; what was asked may still happen later. */
export function answerOfLimiter<T>(work: Promise<T>, ms: number): Promise<T> {
  return withinDeadline(work, ms, () => new Error(`no answer within ${ms} ms`));
}
