import type { Redis } from 'ioredis';

/** The state that all processes of the product share, per endpoint family. */
export interface PaceStore {
  /**
   * `pausedMs`: how long the pause of the family still lasts; 0 for none. `rate`: the rate that was set last; `null` when nobody
   * has changed it. `ageMs`: how long that rate has been in force.
   */
  read(family: string): Promise<{ pausedMs: number; rate: number | null; ageMs: number }>;
  /** Starts or lengthens a pause. True when it started one: only then the caller halves the rate. */
  pause(family: string, ms: number): Promise<boolean>;
  /** Sets a rate that is in force after `delayMs`. A rate does not age during the pause that came with it. */
  setRate(family: string, rate: number, delayMs?: number): Promise<void>;
}

/** A learned rate is forgotten after this idle time, because Telnyx may have changed its limits. */
const RATE_TTL_MS = 10 * 60_000;

/** For a single process without Redis. */
export function localPaceStore(): PaceStore {
  const until = new Map<string, number>();
  const rates = new Map<string, { rate: number; since: number }>();
  return {
    read: async (family) => {
      const { rate = null, since = 0 } = rates.get(family) ?? {};
      const pausedMs = Math.max(0, (until.get(family) ?? 0) - Date.now());
      return { pausedMs, rate, ageMs: Math.max(0, Date.now() - since) };
    },
    pause: async (family, ms) => {
      const before = until.get(family) ?? 0;
      until.set(family, Math.max(before, Date.now() + ms));
      return before <= Date.now();
    },
    setRate: async (family, rate, delayMs = 0) => void rates.set(family, { rate, since: Date.now() + delayMs }),
  };
}

/**
 * Keeps the state in Redis. A pause is a plain key that expires, not Bottleneck's `reservoir: 0`. So it ends by itself when the
 * process that set it dies, and a flush only ends it early. PTTL gives its length and the age of a rate, so clocks may differ.
 */
export function redisPaceStore(redis: Redis, prefix: string): PaceStore {
  const pauseKey = (family: string): string => `${prefix}:pause:${family}`;
  const rateKey = (family: string): string => `${prefix}:rate:${family}`;
  return {
    read: async (family) => {
      const key = rateKey(family);
      const [left, rate, ttl] = await Promise.all([redis.pttl(pauseKey(family)), redis.get(key), redis.pttl(key)]);
      const known = rate === null ? Number.NaN : Number(rate);
      const ageMs = ttl < 0 ? 0 : Math.max(0, RATE_TTL_MS - ttl);
      return { pausedMs: Math.max(0, left), rate: Number.isFinite(known) && known > 0 ? known : null, ageMs };
    },
    pause: async (family, ms) => {
      const key = pauseKey(family);
      if ((await redis.set(key, '1', 'PX', ms, 'NX')) === 'OK') return true;
      if ((await redis.pttl(key)) < ms) await redis.set(key, '1', 'PX', ms);
      return false;
    },
    setRate: async (family, rate, delayMs = 0) =>
      void (await redis.set(rateKey(family), String(rate), 'PX', RATE_TTL_MS + Math.ceil(delayMs))),
  };
}
