import type { Family } from './types.ts';

export interface RateState {
  limit: number;
  remaining: number;
  /** Whole seconds, at least 1. */
  resetSeconds: number;
  exceeded: boolean;
}

/** A fixed window for each family, on the simulator's clock. */
export class RateLimits {
  readonly #rates: Record<Family, number>;
  readonly #windows = new Map<Family, { start: number; used: number }>();

  constructor(rates: Record<Family, number>) {
    this.#rates = rates;
  }

  /** Counts one request. A rate below one a second makes the window longer instead. */
  hit(family: Family, now: number): RateState {
    const rate = this.#rates[family];
    const limit = Math.max(1, Math.floor(rate));
    const length = rate >= 1 ? 1000 : 1000 / rate;
    let window = this.#windows.get(family);
    if (!window || now >= window.start + length || now < window.start) {
      window = { start: now, used: 0 };
      this.#windows.set(family, window);
    }
    window.used += 1;
    return {
      limit,
      remaining: Math.max(0, limit - window.used),
      resetSeconds: Math.max(1, Math.ceil((window.start + length - now) / 1000)),
      exceeded: window.used > limit,
    };
  }
}
