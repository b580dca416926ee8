import type { Redis } from 'ioredis';

/** What all processes of the product must agree on, per endpoint family. */
export interface PaceStore {
  /**
   * Milliseconds that the family's pause still lasts (0: none), the rate that was set last (`null`: nobody has changed it), and
   * for how long it has been in force.
   */
  read(family: string): Promise<{ pausedMs: number; rate: number | null; ageMs: number }>;
  /** Starts a pause, or lengthens one. True when it started it: then, and only then, the rate is to be halved. */
  pause(family: string, ms: number): Promise<boolean>;
  /** In force from `delayMs` on: a rate does not age during the pause that came with it. */
  setRate(family: string, rate: number, delayMs?: number): Promise<void>;
}

/** A learned rate is forgotten after this much idleness: what Telnyx allows may have changed meanwhile. */
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
 * In Redis. A pause is a plain key that expires, not Bottleneck's `reservoir: 0`: it ends by itself even if the process that
 * set it dies, and a flush only ends it early. Its length and the age of a rate are read with PTTL, so clocks need not agree.
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
